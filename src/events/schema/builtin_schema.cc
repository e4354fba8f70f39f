#include "events/schema/builtin_schema.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace palate {
namespace {

constexpr std::array<std::string_view, 3> kKinds = {"event", "item", "user"};

constexpr std::string_view kEvent = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "event",
  "type": "object",
  "properties": {
    "event_id": {"type": "string", "maxLength": 256},
    "type": {"type": "string", "description": "one of [events.types] of the config"},
    "user": {"type": "string", "minLength": 1, "maxLength": 256},
    "item": {"type": "string", "maxLength": 256},
    "ts": {"type": ["string", "integer"], "description": "RFC 3339, or microseconds since 1970"},
    "value": {"type": "number"},
    "request_id": {"type": "string", "maxLength": 256},
    "slot": {"type": "integer", "minimum": 0, "maximum": 1000000},
    "context": {
      "type": "object",
      "maxProperties": 32,
      "additionalProperties": {"type": ["string", "number", "boolean"]}
    }
  },
  "required": ["type", "user"],
  "additionalProperties": false
}
)";

constexpr std::string_view kItem = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "item",
  "type": "object",
  "properties": {
    "id": {"type": "string", "minLength": 1, "maxLength": 256},
    "titles": {"type": ["string", "object"], "additionalProperties": {"type": "string"}},
    "descriptions": {"type": ["string", "object"], "additionalProperties": {"type": "string"}},
    "categories": {"type": "array", "items": {"type": "string"}, "maxItems": 1024},
    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 1024},
    "languages": {"type": "array", "items": {"type": "string"}, "maxItems": 1024},
    "regions": {"type": "array", "items": {"type": "string"}, "maxItems": 1024},
    "creator": {"type": "string"},
    "released": {"type": "string", "format": "date-time"},
    "expires": {"type": "string", "format": "date-time"},
    "hidden": {"type": "boolean"},
    "attributes": {"type": "object", "additionalProperties": {"type": "string"}},
    "vectors": {
      "type": "object",
      "additionalProperties": {"type": "array", "items": {"type": "number"}, "maxItems": 8192}
    }
  },
  "required": ["id"],
  "additionalProperties": false
}
)";

constexpr std::string_view kUser = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "user",
  "type": "object",
  "properties": {
    "id": {"type": "string", "minLength": 1, "maxLength": 256},
    "region": {"type": "string"},
    "language": {"type": "string"},
    "age_band": {"type": "string"},
    "attributes": {"type": "object", "additionalProperties": {"type": "string"}},
    "survey": {"type": "object", "additionalProperties": {"type": "string"}},
    "personalization": {"type": "boolean"}
  },
  "required": ["id"],
  "additionalProperties": false
}
)";

constexpr std::array<std::string_view, 3> kTexts = {kEvent, kItem, kUser};

SchemaNode parsed(std::string_view text) {
  auto schema = parse_schema(text);
  PALATE_CHECK(schema.has_value(), "a built-in schema cannot be read");
  return std::move(*schema);
}

}  // namespace

std::string_view schema_kind(Stream stream) { return kKinds[static_cast<size_t>(stream)]; }

Result<Stream> schema_stream(std::string_view kind) {
  const auto found = std::ranges::find(kKinds, kind);
  if (found == kKinds.end()) {
    return fail(Code::kInvalidArgument, "there is no schema of '{}': event, item or user", kind);
  }
  return static_cast<Stream>(found - kKinds.begin());
}

std::string_view builtin_schema_text(Stream stream) { return kTexts[static_cast<size_t>(stream)]; }

const SchemaNode& builtin_schema(Stream stream) {
  static const std::array<SchemaNode, 3> kSchemas = {parsed(kEvent), parsed(kItem), parsed(kUser)};
  return kSchemas[static_cast<size_t>(stream)];
}

}  // namespace palate
