#include "events/schema/schema_check.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <re2/re2.h>
#include <simdjson.h>

namespace palate {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

template <class... Args>
SchemaAnswer fault(fmt::format_string<Args...> format, Args&&... args) {
  return SchemaFault{"", fmt::format(format, std::forward<Args>(args)...)};
}

SchemaAnswer below(std::string_view name, SchemaAnswer answer) {
  if (!answer) return answer;
  const bool last = answer->path.empty() || answer->path.front() == '[';
  answer->path = fmt::format("{}{}{}", name, last ? "" : ".", answer->path);
  return answer;
}

std::string shown(std::string_view text) {
  constexpr size_t kShown = 64;
  if (text.size() <= kShown) return fmt::format("'{}'", text);
  size_t cut = kShown;  // between two characters
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  return fmt::format("'{}…'", text.substr(0, cut));
}

SchemaAnswer check_type(const SchemaNode& schema, JsonTypes type) {
  if ((schema.types & type) != 0) return {};
  if (schema.types == 0) return fault("there may be no such field");
  return fault("it is {}, not {}", in_words(type), in_words(schema.types));
}

uint64_t characters(std::string_view utf8) {
  return static_cast<uint64_t>(std::ranges::count_if(
      utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

SchemaAnswer check_size(const SchemaSizes& sizes, uint64_t size, std::string_view of) {
  if (size < sizes.least) return fault("{} {}, at least {} are wanted", size, of, sizes.least);
  if (size > sizes.most) return fault("{} {}, at most {} are allowed", size, of, sizes.most);
  return {};
}

SchemaAnswer unlisted(const std::string& value) {
  return fault("{} is none of the values that are listed", value);
}

SchemaAnswer check_flag(const SchemaNode& schema, bool flag) {
  if (auto wrong = check_type(schema, kJsonBoolean)) return wrong;
  const bool listed = !schema.choices || (flag ? schema.choices->yes : schema.choices->no);
  return listed ? SchemaAnswer() : unlisted(flag ? "true" : "false");
}

SchemaAnswer check(const SchemaNode& schema, element value);

SchemaAnswer check_object(const SchemaNode& schema, simdjson::dom::object object) {
  if (auto wrong = check_type(schema, kJsonObject)) return wrong;
  if (schema.choices) return unlisted("an object");
  if (auto wrong = check_size(schema.property_count, object.size(), "properties")) return wrong;
  for (const std::string& name : schema.required) {
    if (object.at_key(name).error() != simdjson::SUCCESS) {
      return below(name, fault("it is required"));
    }
  }
  for (const auto& [name, value] : object) {
    if (auto wrong = below(name, check(schema.property(name), value))) return wrong;
  }
  return {};
}

SchemaAnswer check_array(const SchemaNode& schema, simdjson::dom::array array) {
  if (auto wrong = check_type(schema, kJsonArray)) return wrong;
  if (schema.choices) return unlisted("an array");
  if (auto wrong = check_size(schema.entries, array.size(), "entries")) return wrong;
  if (schema.items == nullptr) return {};
  size_t index = 0;
  for (const element value : array) {
    if (auto wrong = below(fmt::format("[{}]", index++), check(*schema.items, value))) return wrong;
  }
  return {};
}

SchemaAnswer check(const SchemaNode& schema, element value) {
  switch (value.type()) {
    case element_type::STRING:
      return check_text(schema, value.get_string().value_unsafe());
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
      return check_number(schema, value.get_double().value_unsafe());
    case element_type::BOOL:
      return check_flag(schema, value.get_bool().value_unsafe());
    case element_type::OBJECT:
      return check_object(schema, value.get_object().value_unsafe());
    case element_type::ARRAY:
      return check_array(schema, value.get_array().value_unsafe());
    case element_type::NULL_VALUE:
      if (auto wrong = check_type(schema, kJsonNull)) return wrong;
      return !schema.choices || schema.choices->null ? SchemaAnswer() : unlisted("null");
  }
  return {};
}

}  // namespace

SchemaAnswer check_text(const SchemaNode& schema, std::string_view text) {
  if (auto wrong = check_type(schema, kJsonString)) return wrong;
  if (schema.choices && !schema.choices->strings.contains(text)) return unlisted(shown(text));
  if (schema.lengths != SchemaSizes{}) {
    if (auto wrong = check_size(schema.lengths, characters(text), "characters")) return wrong;
  }
  if (schema.pattern && !re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()),
                                                *schema.pattern->compiled)) {
    return fault("{} does not match {}", shown(text), schema.pattern->text);
  }
  return {};
}

// A number without a fraction is an integer, however it is written (JSON Schema, 4.2.3).
SchemaAnswer check_number(const SchemaNode& schema, double number) {
  const bool whole = std::trunc(number) == number;
  if (auto wrong = check_type(schema, whole ? kJsonInteger : kJsonFraction)) return wrong;
  if (schema.choices && !schema.choices->numbers.contains(number)) {
    return unlisted(fmt::to_string(number));
  }
  const SchemaBounds& bounds = schema.bounds;
  if (number < bounds.minimum || (bounds.above_minimum && number == bounds.minimum)) {
    return fault("{} is below the minimum, {}{}", number, bounds.minimum,
                 bounds.above_minimum ? " (excluded)" : "");
  }
  if (number > bounds.maximum || (bounds.below_maximum && number == bounds.maximum)) {
    return fault("{} is above the maximum, {}{}", number, bounds.maximum,
                 bounds.below_maximum ? " (excluded)" : "");
  }
  return {};
}

SchemaAnswer check_json(const SchemaNode& schema, std::string_view json) {
  thread_local simdjson::dom::parser parser;
  element value;
  if (const auto error = parser.parse(json.data(), json.size()).get(value)) {
    return fault("not JSON: {}", simdjson::error_message(error));
  }
  return check(schema, value);
}

}  // namespace palate
