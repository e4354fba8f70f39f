// A JSON Schema (draft 2020-12) as a tree: the keywords that Palate understands
// (docs/formats/schema.md). All keywords of a node must hold; one that is not given holds for
// everything.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace palate {

// Sets of JSON types as bits. A number is whole or not, because "integer" is a part of "number".
using JsonTypes = uint8_t;
inline constexpr JsonTypes kJsonString = 1, kJsonInteger = 2, kJsonFraction = 4, kJsonBoolean = 8,
                           kJsonObject = 16, kJsonArray = 32, kJsonNull = 64, kJsonAny = 127;
inline constexpr JsonTypes kJsonNumber = kJsonInteger | kJsonFraction;

// What "enum" and "const" allow: scalars only.
struct SchemaChoices {
  std::set<std::string, std::less<>> strings;
  std::set<double> numbers;
  bool yes = false, no = false, null = false;
  bool operator==(const SchemaChoices&) const = default;
};

struct SchemaBounds {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool above_minimum = false;  // the bound itself is not allowed
  bool below_maximum = false;
  bool operator==(const SchemaBounds&) const = default;
};

// Of a string's characters (code points), an array's entries, an object's properties.
struct SchemaSizes {
  uint64_t least = 0;
  uint64_t most = std::numeric_limits<uint64_t>::max();
  bool operator==(const SchemaSizes&) const = default;
};

struct SchemaPattern {
  std::string text;
  std::shared_ptr<const re2::RE2> compiled;
  bool operator==(const SchemaPattern& other) const { return text == other.text; }
};

struct SchemaNode {
  JsonTypes types = kJsonAny;
  std::optional<SchemaChoices> choices;
  SchemaBounds bounds;
  SchemaSizes lengths, entries, property_count;
  std::optional<SchemaPattern> pattern;
  std::map<std::string, SchemaNode, std::less<>> properties;
  std::set<std::string, std::less<>> required;
  std::shared_ptr<const SchemaNode> other_properties;  // nullptr: anything
  std::shared_ptr<const SchemaNode> items;             // of arrays; nullptr: anything
  // Of the root only, "if type is const, then": what else must hold for events of this type.
  std::map<std::string, SchemaNode, std::less<>> of_type;

  bool operator==(const SchemaNode& other) const;
  // What holds for the property `name`: its own schema, or that of all others.
  [[nodiscard]] const SchemaNode& property(std::string_view name) const;
};

// Errors: kInvalidArgument with the JSON pointer of what is wrong or not understood. Annotations
// (title, description, $comment, default, examples, x-…) are passed over.
Result<SchemaNode> parse_schema(std::string_view json);

// "a string or null".
std::string in_words(JsonTypes types);

}  // namespace palate
