// What a message of Kafka holds, as rows that may enter the log: our own blocks, or the JSON of
// somebody else's topic. Safe on any bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "events/event.h"
#include "events/event_json.h"
#include "events/event_types.h"
#include "events/validate.h"

namespace palate {

struct MessageRows {
  struct Refused {
    size_t index = 0;  // in the message
    Rejection why;
    std::string bytes;  // of the row alone
  };
  EventBatch batch;
  std::vector<Refused> refused;
};

// A block of events. Rows whose type is not declared here, or that break a limit, are refused.
// Errors: kCorrupt, kUnsupportedVersion: the message is poison.
Result<MessageRows> read_block_message(std::string_view bytes, const EventTypes& types);

// Where a message lies: what names its events that have no name.
struct MessagePlace {
  std::string_view topic;
  uint32_t partition = 0;
  uint64_t offset = 0;
};
// One event or an array, as JSON (docs/formats/event.md). An event without event_id gets one of its
// place, so that it is the same one when the message is read again. Errors: kInvalidArgument: the
// message is poison.
Result<MessageRows> read_json_message(std::string_view bytes, const MessagePlace& place,
                                      EventJsonParser& parser);

}  // namespace palate
