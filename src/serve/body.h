// Request bodies: one record, an array of them, or {"<name>":[…]}.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/json_elements.h"

namespace palate {

// kInvalidArgument with the byte offset when `body` is not JSON; fine when it is.
Status check_json(std::string_view body);

// The inside of {"<name>":[…]}, or the whole body when it is not such an object. A view into
// `body`. Errors: kInvalidArgument when a wrapped body has other fields beside `name`.
Result<std::string_view> unwrap(std::string_view body, std::string_view name);

// The records of a body, each the text of one JSON value. Errors: kInvalidArgument (not JSON, more
// than `records_max`, none at all).
using SplitRecords = JsonElements;
Result<SplitRecords> split_records(std::string_view body, std::string_view name,
                                   size_t records_max);

}  // namespace palate
