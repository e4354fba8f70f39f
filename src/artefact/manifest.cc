#include "artefact/manifest.h"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace palate {
namespace {

using Json = nlohmann::json;

// The text is `{`, this line, and the rest; the checksum is that of the rest.
constexpr std::string_view kHead = "{\n  \"checksum\": \"";
constexpr std::string_view kHeadEnd = "\",\n";
constexpr size_t kHexDigits = 32;
constexpr size_t kBodyAt = kHead.size() + kHexDigits + kHeadEnd.size();
constexpr std::array kStreams{Stream::kEvents, Stream::kItems, Stream::kUsers};

// Null or discarded where the text is no JSON or nested deeper than any manifest: a
// library that follows values by recursion would run out of stack.
Json parse(std::string_view text) {
  constexpr int kDepthMax = 100;
  bool too_deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kDepthMax;
    return true;
  };
  Json json = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  return too_deep ? Json() : json;
}

// One visitor names every field once, for writing and for reading. `Fields` has one call for a
// plain member and one for a member that holds JSON.
template <class M, class Fields>
void visit(M& manifest, Fields& fields) {
  fields.plain("format", manifest.format);
  fields.plain("reader_min", manifest.reader_min);
  fields.plain("kind", manifest.kind);
  fields.plain("version", manifest.version);
  fields.plain("tenant", manifest.tenant);
  fields.plain("created", manifest.created);
  fields.plain("code_version", manifest.code_version);
  fields.plain("seed", manifest.seed);
  fields.json("config", manifest.config_json, Json::value_t::object);
  fields.json("metrics", manifest.metrics_json, Json::value_t::object);
  fields.json("details", manifest.details_json, Json::value_t::object);
  fields.json("as_of", manifest.as_of_json, Json::value_t::array);
  fields.plain("items", manifest.items);
  fields.plain("dictionary", manifest.dictionary);
  fields.plain("feature_spec", manifest.feature_spec);
  fields.plain("event_types", manifest.event_types);
  fields.plain("checksums", manifest.checksums);
}

struct Writing {
  Json out = Json::object();
  std::string wrong;

  template <class T>
  void plain(const char* key, const T& value) {
    out[key] = value;
  }
  void json(const char* key, const std::string& text, Json::value_t kind) {
    Json parsed = parse(text);
    if (parsed.type() != kind) wrong = key;
    out[key] = std::move(parsed);
  }
};

struct Reading {
  const Json& in;
  std::string wrong;
  size_t found = 0;

  const Json* find(const char* key) {
    const auto field = in.find(key);
    if (field != in.end()) ++found;
    return field == in.end() ? nullptr : &*field;
  }
  void plain(const char* key, std::string& value) {
    const Json* field = find(key);
    if (field == nullptr || !field->is_string()) {
      wrong = key;
    } else {
      value = field->get<std::string>();
    }
  }
  template <class T>
    requires std::is_unsigned_v<T>
  void plain(const char* key, T& value) {
    const Json* field = find(key);
    if (field == nullptr || !field->is_number_unsigned() ||
        field->get<uint64_t>() > std::numeric_limits<T>::max()) {
      wrong = key;
    } else {
      value = field->get<T>();
    }
  }
  void plain(const char* key, std::map<std::string, std::string>& value) {
    const Json* field = find(key);
    if (field == nullptr || !field->is_object()) {
      wrong = key;
      return;
    }
    for (const auto& [name, text] : field->items()) {
      if (!text.is_string() || !is_artefact_file_name(name)) {
        wrong = std::string(key) + "." + name;
        return;
      }
      value[name] = text.get<std::string>();
    }
  }
  void json(const char* key, std::string& text, Json::value_t kind) {
    const Json* field = find(key);
    if (field == nullptr || field->type() != kind) {
      wrong = key;
    } else {
      text = field->dump();
    }
  }
};

// kUnsupportedVersion when the text asks for a newer reader than this one; whatever else is wrong
// with it is not looked at.
Status check_reader(const Json& json) {
  const auto reader = json.find("reader_min");
  if (reader == json.end() || !reader->is_number_unsigned()) return {};
  if (reader->get<uint64_t>() <= kArtefactFormat) return {};
  return fail(Code::kUnsupportedVersion,
              "{}: needs a reader of format {}, this version of palate reads up to {}; "
              "use a newer palate or train the model again",
              kManifestFile, reader->get<uint64_t>(), kArtefactFormat);
}

bool checksum_matches(std::string_view text) {
  if (text.size() < kBodyAt || !text.starts_with(kHead)) return false;
  if (text.substr(kBodyAt - kHeadEnd.size(), kHeadEnd.size()) != kHeadEnd) return false;
  return text.substr(kHead.size(), kHexDigits) == to_hex(hash128(text.substr(kBodyAt)));
}

std::string first_unknown(const Json& json) {
  Writing known;
  const Manifest empty;
  visit(empty, known);
  for (const auto& [key, value] : json.items()) {
    if (key != "checksum" && !known.out.contains(key)) return key;
  }
  return {};
}

}  // namespace

bool is_artefact_file_name(std::string_view name) {
  constexpr size_t kBytesMax = 128;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kBytesMax && name.front() != '.' &&
         name != kManifestFile && std::all_of(name.begin(), name.end(), allowed);
}

Result<std::string> to_json(const Manifest& manifest) {
  Writing fields;
  visit(manifest, fields);
  if (!fields.wrong.empty()) {
    return fail(Code::kInvalidArgument, "the manifest's {} is not JSON of its kind", fields.wrong);
  }
  try {
    const std::string body = fields.out.dump(2).substr(2) + "\n";
    std::string text(kHead);
    text += to_hex(hash128(body));
    text += kHeadEnd;
    return text + body;
  } catch (const Json::exception& e) {  // a string that is no UTF-8
    return fail(Code::kInvalidArgument, "the manifest cannot be written: {}", e.what());
  }
}

Result<Manifest> manifest_from_json(std::string_view text) {
  const Json json = parse(text);
  const bool intact = checksum_matches(text);
  // A newer format may have another first line, so without a good checksum only that is asked.
  if (json.is_object()) TRY(check_reader(json));
  if (!intact) {
    return fail(Code::kCorrupt, "{}: the checksum in its first line does not match its bytes",
                kManifestFile);
  }
  if (!json.is_object()) {
    return fail(Code::kCorrupt, "{}: it is not a JSON object, or nested too deeply", kManifestFile);
  }
  Manifest manifest;
  Reading fields{json, {}, 0};
  visit(manifest, fields);
  if (!fields.wrong.empty()) {
    return fail(Code::kCorrupt, "{}: the field '{}' is missing or of the wrong type", kManifestFile,
                fields.wrong);
  }
  if (manifest.format <= kArtefactFormat && fields.found + 1 != json.size()) {
    return fail(Code::kCorrupt, "{}: unknown field '{}'", kManifestFile, first_unknown(json));
  }
  return manifest;
}

std::string as_of_to_json(const AsOf& as_of) {
  Json list = Json::array();
  for (const auto& position : as_of) {
    list.push_back({{"stream", stream_name(position.stream)},
                    {"partition", position.partition},
                    {"offset", position.offset}});
  }
  return list.dump();
}

Result<AsOf> as_of_from_json(std::string_view json) {
  const Json list = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  AsOf as_of;
  if (!list.is_array()) return fail(Code::kCorrupt, "as_of is not a list of positions");
  for (const auto& entry : list) {
    const Json* name = entry.is_object() && entry.contains("stream") ? &entry["stream"] : nullptr;
    const auto named = std::find_if(kStreams.begin(), kStreams.end(), [&](Stream stream) {
      return name != nullptr && *name == stream_name(stream);
    });
    if (named == kStreams.end() || !entry.value("partition", Json()).is_number_unsigned() ||
        !entry.value("offset", Json()).is_number_unsigned() ||
        entry["partition"].get<uint64_t>() > std::numeric_limits<uint32_t>::max()) {
      return fail(Code::kCorrupt, "as_of holds something that is no position");
    }
    as_of.push_back({*named, entry["partition"].get<uint32_t>(), entry["offset"].get<uint64_t>()});
  }
  return as_of;
}

}  // namespace palate
