// The schemas that a new data directory starts with: what events/validate.h allows, as JSON Schema.
#pragma once

#include <string_view>

#include "base/ids.h"
#include "events/schema/schema_node.h"

namespace palate {

// "event", "item", "user".
std::string_view schema_kind(Stream stream);
Result<Stream> schema_stream(std::string_view kind);

std::string_view builtin_schema_text(Stream stream);
const SchemaNode& builtin_schema(Stream stream);

}  // namespace palate
