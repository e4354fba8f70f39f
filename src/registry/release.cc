#include "registry/release.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace palate {
namespace {

using Json = nlohmann::json;

// The text is this, the checksum of the rest, and the rest.
constexpr std::string_view kHead = "{\n  \"checksum\": \"";
constexpr size_t kHexDigits = 32;

// A text without a checksum is of a palate that wrote none.
Status check_bytes(std::string_view text) {
  if (!text.starts_with(kHead)) return {};
  const std::string_view rest = text.substr(std::min(text.size(), kHead.size() + kHexDigits));
  if (text.substr(kHead.size(), kHexDigits) == to_hex(hash128(rest))) return {};
  return fail(Code::kCorrupt, "its bytes do not match its checksum; roll back to another release");
}

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
    std::string rest = "\"," + json.dump(2).substr(1) + "\n";
    return std::string(kHead) + to_hex(hash128(rest)) + rest;
  } catch (const Json::exception&) {
    return fail(Code::kInvalidArgument, "the release's note is not UTF-8");
  }
}

Result<Release> release_from_json(std::string_view text) {
  TRY(check_bytes(text));
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
