#include "events/schema/schema_node.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include <nlohmann/json.hpp>
#include <re2/re2.h>

namespace palate {
namespace {

using Json = nlohmann::json;

constexpr size_t kSchemaBytesMax = 256 * 1024;
constexpr int kDepthMax = 16;
constexpr int64_t kPatternBytesMax = 1 << 20;  // of its compiled form

struct TypeName {
  std::string_view name;
  JsonTypes types;
};
constexpr std::array<TypeName, 7> kTypeNames = {{{"string", kJsonString},
                                                 {"number", kJsonNumber},
                                                 {"integer", kJsonInteger},
                                                 {"boolean", kJsonBoolean},
                                                 {"object", kJsonObject},
                                                 {"array", kJsonArray},
                                                 {"null", kJsonNull}}};

// Say something to people and tools, and nothing about values.
constexpr std::array<std::string_view, 9> kAnnotations = {"$schema",  "$id",         "$comment",
                                                          "title",    "description", "default",
                                                          "examples", "deprecated",  "format"};

bool is_annotation(std::string_view keyword) {
  return keyword.starts_with("x-") ||
         std::ranges::find(kAnnotations, keyword) != kAnnotations.end();
}

class SchemaParser {
 public:
  Result<SchemaNode> parse(const Json& json, const std::string& at, int depth) {
    if (depth > kDepthMax) return wrong(at, "schemas may be nested {} deep", kDepthMax);
    SchemaNode node;
    if (json.is_boolean()) {
      if (!json.get<bool>()) node.types = 0;
      return node;
    }
    if (!json.is_object()) return wrong(at, "a schema is an object, true or false");
    for (const auto& [keyword, value] : json.items()) {
      const std::string place = at + "/" + keyword;
      if (is_annotation(keyword)) continue;
      const Place here{value, place, depth};
      const bool known =
          TRY(read_value(keyword, here, node)) || TRY(read_shape(keyword, here, node));
      if (!known) {
        return wrong(place,
                     "this keyword is not understood; docs/formats/schema.md lists those that are");
      }
    }
    return node;
  }

 private:
  struct Place {
    const Json& value;
    const std::string& at;
    int depth;
  };

  template <class... Args>
  static std::unexpected<Error> wrong(std::string_view at, fmt::format_string<Args...> format,
                                      Args&&... args) {
    return fail(Code::kInvalidArgument, "schema, at {}: {}", at.empty() ? "/" : at,
                fmt::format(format, std::forward<Args>(args)...));
  }

  // Keywords about a value by itself. False: it is none of them.
  Result<bool> read_value(std::string_view keyword, const Place& place, SchemaNode& node) {
    if (keyword == "type") {
      node.types = TRY(types(place));
    } else if (keyword == "enum" || keyword == "const") {
      TRY(read_choices(keyword, place, node));
    } else if (keyword == "minimum" || keyword == "exclusiveMinimum") {
      TRY(read_minimum(keyword.starts_with("ex"), TRY(number(place)), node.bounds));
    } else if (keyword == "maximum" || keyword == "exclusiveMaximum") {
      TRY(read_maximum(keyword.starts_with("ex"), TRY(number(place)), node.bounds));
    } else if (keyword == "pattern") {
      node.pattern = TRY(pattern(place));
    } else {
      const auto size = size_of(keyword, node);
      if (size == nullptr) return false;
      *size = TRY(count(place));
    }
    return true;
  }

  // Keywords about what is inside of objects and arrays.
  Result<bool> read_shape(std::string_view keyword, const Place& place, SchemaNode& node) {
    if (keyword == "properties") {
      if (!place.value.is_object()) return wrong(place.at, "an object of schemas is wanted");
      for (const auto& [name, schema] : place.value.items()) {
        node.properties[name] = TRY(parse(schema, place.at + "/" + name, place.depth + 1));
      }
    } else if (keyword == "required") {
      TRY(read_required(place, node));
    } else if (keyword == "additionalProperties") {
      node.other_properties =
          std::make_shared<const SchemaNode>(TRY(parse(place.value, place.at, place.depth + 1)));
    } else if (keyword == "items") {
      node.items =
          std::make_shared<const SchemaNode>(TRY(parse(place.value, place.at, place.depth + 1)));
    } else if (keyword == "allOf") {
      TRY(read_conditions(place, node));
    } else {
      return false;
    }
    return true;
  }

  static Result<JsonTypes> types(const Place& place) {
    JsonTypes found = 0;
    const Json names = place.value.is_array() ? place.value : Json::array({place.value});
    for (const Json& name : names) {
      const auto known = std::ranges::find_if(
          kTypeNames, [&](const TypeName& type) { return name.is_string() && name == type.name; });
      if (known == kTypeNames.end()) {
        return wrong(place.at, "a type is string, number, integer, boolean, object, array or null");
      }
      found |= known->types;
    }
    if (found == 0) return wrong(place.at, "at least one type is wanted");
    return found;
  }

  static Status read_choices(std::string_view keyword, const Place& place, SchemaNode& node) {
    if (node.choices) return wrong(place.at, "give either enum or const");
    const Json values = keyword == "const" ? Json::array({place.value}) : place.value;
    if (!values.is_array() || values.empty()) return wrong(place.at, "a list of values is wanted");
    SchemaChoices& choices = node.choices.emplace();
    for (const Json& value : values) {
      if (value.is_string()) {
        choices.strings.insert(value.get<std::string>());
      } else if (value.is_number()) {
        choices.numbers.insert(value.get<double>());
      } else if (value.is_boolean()) {
        (value.get<bool>() ? choices.yes : choices.no) = true;
      } else if (value.is_null()) {
        choices.null = true;
      } else {
        return wrong(place.at, "only strings, numbers, booleans and null can be listed");
      }
    }
    return {};
  }

  static Result<double> number(const Place& place) {
    if (!place.value.is_number()) return wrong(place.at, "a number is wanted");
    return place.value.get<double>();
  }

  // Of minimum and exclusiveMinimum the tighter one counts.
  static Status read_minimum(bool exclusive, double value, SchemaBounds& bounds) {
    if (value < bounds.minimum) return {};
    bounds.above_minimum = value == bounds.minimum ? bounds.above_minimum || exclusive : exclusive;
    bounds.minimum = value;
    return {};
  }
  static Status read_maximum(bool exclusive, double value, SchemaBounds& bounds) {
    if (value > bounds.maximum) return {};
    bounds.below_maximum = value == bounds.maximum ? bounds.below_maximum || exclusive : exclusive;
    bounds.maximum = value;
    return {};
  }

  static uint64_t* size_of(std::string_view keyword, SchemaNode& node) {
    if (keyword == "minLength") return &node.lengths.least;
    if (keyword == "maxLength") return &node.lengths.most;
    if (keyword == "minItems") return &node.entries.least;
    if (keyword == "maxItems") return &node.entries.most;
    if (keyword == "minProperties") return &node.property_count.least;
    if (keyword == "maxProperties") return &node.property_count.most;
    return nullptr;
  }

  static Result<uint64_t> count(const Place& place) {
    if (!place.value.is_number_unsigned()) return wrong(place.at, "a whole number is wanted");
    return place.value.get<uint64_t>();
  }

  // RE2 knows no look-around and no back references, and therefore no pattern that takes forever.
  static Result<SchemaPattern> pattern(const Place& place) {
    if (!place.value.is_string()) return wrong(place.at, "a regular expression is wanted");
    SchemaPattern pattern{place.value.get<std::string>(), nullptr};
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kPatternBytesMax);
    auto compiled = std::make_shared<re2::RE2>(pattern.text, options);
    if (!compiled->ok()) return wrong(place.at, "{}", compiled->error());
    pattern.compiled = std::move(compiled);
    return pattern;
  }

  static Status read_required(const Place& place, SchemaNode& node) {
    if (!place.value.is_array()) return wrong(place.at, "a list of names is wanted");
    for (const Json& name : place.value) {
      if (!name.is_string()) return wrong(place.at, "a list of names is wanted");
      node.required.insert(name.get<std::string>());
    }
    return {};
  }

  // [{"if": {"properties": {"type": {"const": "rating"}}}, "then": schema}, …]
  Status read_conditions(const Place& place, SchemaNode& node) {
    constexpr std::string_view kForm =
        R"(only [{"if": {"properties": {"type": {"const": NAME}}}, "then": schema}] is understood)";
    if (place.depth > 0 || !place.value.is_array()) return wrong(place.at, "{}", kForm);
    size_t number = 0;
    for (const Json& condition : place.value) {
      const std::string at = fmt::format("{}/{}", place.at, number++);
      if (!condition.is_object() || condition.size() != 2 || !condition.contains("if") ||
          !condition.contains("then")) {
        return wrong(at, "{}", kForm);
      }
      const Json& when = condition["if"];
      const Json type = when.value(Json::json_pointer("/properties/type/const"), Json());
      if (!type.is_string() || when != Json{{"properties", {{"type", {{"const", type}}}}}}) {
        return wrong(at + "/if", "{}", kForm);
      }
      SchemaNode then = TRY(parse(condition["then"], at + "/then", place.depth + 1));
      if (!node.of_type.emplace(type.get<std::string>(), std::move(then)).second) {
        return wrong(at, "there is another condition for {}", type.dump());
      }
    }
    return {};
  }
};

bool same(const std::shared_ptr<const SchemaNode>& a, const std::shared_ptr<const SchemaNode>& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

const SchemaNode kAnything;

}  // namespace

bool SchemaNode::operator==(const SchemaNode& other) const {
  return types == other.types && choices == other.choices && bounds == other.bounds &&
         lengths == other.lengths && entries == other.entries &&
         property_count == other.property_count && pattern == other.pattern &&
         properties == other.properties && required == other.required &&
         same(other_properties, other.other_properties) && same(items, other.items) &&
         of_type == other.of_type;
}

const SchemaNode& SchemaNode::property(std::string_view name) const {
  const auto own = properties.find(name);
  if (own != properties.end()) return own->second;
  return other_properties == nullptr ? kAnything : *other_properties;
}

Result<SchemaNode> parse_schema(std::string_view json) {
  if (json.size() > kSchemaBytesMax) {
    return fail(Code::kInvalidArgument, "a schema has at most {} bytes", kSchemaBytesMax);
  }
  // Its parser goes as deep as the text does.
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted && c == '\\') ++i;
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    if (depth > 8 * kDepthMax) return fail(Code::kInvalidArgument, "the schema is nested too deep");
  }
  try {
    return SchemaParser().parse(Json::parse(json), "", 0);
  } catch (const Json::exception& error) {
    return fail(Code::kInvalidArgument, "the schema is not JSON: {}", error.what());
  }
}

std::string in_words(JsonTypes types) {
  std::vector<std::string_view> names;
  for (const TypeName& type : kTypeNames) {
    const bool part_of_number = type.types == kJsonInteger && (types & kJsonFraction) != 0;
    if ((types & type.types) == type.types && !part_of_number) names.push_back(type.name);
  }
  if (names.empty()) return "nothing";
  return fmt::format("{}", fmt::join(names, " or "));
}

}  // namespace palate
