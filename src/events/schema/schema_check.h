// Does a value fit a schema? The first fault that is found, with its place.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "events/schema/schema_node.h"

namespace palate {

struct SchemaFault {
  std::string path;      // "context.country"; empty: the value itself
  std::string sentence;  // "'XX' is none of the values that are listed"
};
using SchemaAnswer = std::optional<SchemaFault>;  // nullopt: it fits

SchemaAnswer check_text(const SchemaNode& schema, std::string_view text);
SchemaAnswer check_number(const SchemaNode& schema, double number);
// `json` is valid JSON (ours: canonical), else the fault says so.
SchemaAnswer check_json(const SchemaNode& schema, std::string_view json);

}  // namespace palate
