#include "lake/sealed_json.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace palate::lake {
namespace {

using Json = nlohmann::ordered_json;

// The text is this, the checksum of the rest, and the rest.
constexpr std::string_view kHead = "{\"checksum\":\"";
constexpr size_t kHexDigits = 32;
constexpr int kDepthMax = 8;

// nlohmann's parser keeps its nesting on the heap, but its values are freed by recursion.
bool too_deep(std::string_view text) {
  int depth = 0;
  for (const char c : text) {
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kDepthMax) return true;
  }
  return false;
}

Result<const Json*> field(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end()) return fail(Code::kCorrupt, "the field '{}' is missing", key);
  return &*found;
}

}  // namespace

std::string seal(const Json& object) {
  const std::string body = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  const std::string rest = "\"," + body.substr(1) + "\n";
  return std::string(kHead) + to_hex(hash128(rest)) + rest;
}

Result<Json> unseal(std::string_view text, uint32_t format_max) {
  const std::string_view rest = text.substr(std::min(text.size(), kHead.size() + kHexDigits));
  if (!text.starts_with(kHead) || text.substr(kHead.size(), kHexDigits) != to_hex(hash128(rest))) {
    return fail(Code::kCorrupt, "its bytes do not match its checksum (cut off, or a flipped bit)");
  }
  if (too_deep(text)) return fail(Code::kCorrupt, "it is nested too deeply");
  Json object = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return fail(Code::kCorrupt, "it is not a JSON object");
  const uint64_t format = TRY(whole_number(object, "format"));
  if (format > format_max) {
    return fail(Code::kUnsupportedVersion,
                "it has format {}, this program reads up to {}: use a newer palate", format,
                format_max);
  }
  return object;
}

Result<uint64_t> whole_number(const Json& object, const char* key) {
  const Json* value = TRY(field(object, key));
  if (!value->is_number_unsigned()) {
    return fail(Code::kCorrupt, "the field '{}' is no whole number", key);
  }
  return value->get<uint64_t>();
}

Result<int64_t> integer(const Json& object, const char* key) {
  const Json* value = TRY(field(object, key));
  if (!value->is_number_integer()) {
    return fail(Code::kCorrupt, "the field '{}' is no integer", key);
  }
  return value->get<int64_t>();
}

Result<std::string> text_of(const Json& object, const char* key) {
  const Json* value = TRY(field(object, key));
  if (!value->is_string()) return fail(Code::kCorrupt, "the field '{}' is no text", key);
  return value->get<std::string>();
}

Result<const Json*> list_of(const Json& object, const char* key) {
  const Json* value = TRY(field(object, key));
  if (!value->is_array()) return fail(Code::kCorrupt, "the field '{}' is no list", key);
  return value;
}

}  // namespace palate::lake
