// The body of an event block: one column a field, optional ones left out by a mask. Layout:
// docs/formats/log-block.md.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/block_bytes.h"
#include "events/event.h"
#include "events/event_types.h"

namespace palate {

struct EventBody {
  std::string bytes;
  size_t text_bytes = 0;  // how many of them are text, which a compressor could shrink
};

EventBody encode_event_columns(std::span<const EventView> rows, const EventTypes& types);

// Fills the rows; their strings point into `body` or `arena`. False when the bytes are not such a
// body.
bool decode_event_columns(std::string_view body, const EventTypes& types, std::span<EventView> rows,
                          Arena& arena);

// The names of the types that the body uses. Errors: kCorrupt.
Result<std::vector<std::string>> read_type_names(std::string_view body);

}  // namespace palate
