#include "registry/release.h"

#include <nlohmann/json.hpp>

namespace palate {
namespace {

using Json = nlohmann::json;

Result<uint64_t> number_of(const Json& json, const char* key) {
  const auto field = json.find(key);
  if (field == json.end() || !field->is_number_unsigned()) {
    return fail(Code::kCorrupt, "the field '{}' is missing or no whole number", key);
  }
  return field->get<uint64_t>();
}

Result<std::string> text_of(const Json& json, const std::string& key) {
  const auto field = json.find(key);
  if (field == json.end() || !field->is_string()) {
    return fail(Code::kCorrupt, "the field '{}' is missing or no text", key);
  }
  return field->get<std::string>();
}

}  // namespace

Result<std::string> to_json(const Release& release) {
  const Json json{{"format", kReleaseFormat},
                  {"number", release.number},
                  {"created", release.created},
                  {"note", release.note},
                  {"artefacts", release.artefacts}};
  try {
    return json.dump(2) + "\n";
  } catch (const Json::exception&) {
    return fail(Code::kInvalidArgument, "the release's note is not UTF-8");
  }
}

Result<Release> release_from_json(std::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return fail(Code::kCorrupt, "it is not a JSON object");
  if (TRY(number_of(json, "format")) > kReleaseFormat) {
    return fail(Code::kUnsupportedVersion,
                "written by a newer palate; use that one, or release again with this one");
  }
  Release release;
  release.number = TRY(number_of(json, "number"));
  release.created = TRY(text_of(json, "created"));
  release.note = TRY(text_of(json, "note"));
  const auto artefacts = json.find("artefacts");
  if (artefacts == json.end() || !artefacts->is_object()) {
    return fail(Code::kCorrupt, "the field 'artefacts' is missing or no object");
  }
  for (const auto& [kind, version] : artefacts->items()) {
    release.artefacts[kind] = TRY(text_of(*artefacts, kind));
  }
  return release;
}

}  // namespace palate
