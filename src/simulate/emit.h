// A world's happenings as the rest of Palate takes them.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "events/event.h"
#include "events/event_types.h"
#include "simulate/world.h"

namespace palate {

// One row for each, in order; their strings are copied into the batch, `received` is their own
// time. Rows of one world differ from each other. Errors: kInvalidArgument when `types` lacks one
// of impression, click, watch, like, dislike, rating, survey. Thread-safe.
Result<EventBatch> to_events(const World& world, std::span<const Happening> happenings,
                             const EventTypes& types);

// One object and a line break for each, as POST /v1/events takes them.
std::string to_json_lines(const World& world, std::span<const Happening> happenings);

// The accounts that mean ill, a line each: "u00017", and after a comma when that began for those
// who lived like people before. What somebody who reviews accounts would hand in (palate trust).
std::string to_flagged_lines(const World& world);

// "u00001" of user 0 and "i00001" of item 0.
std::string user_name(uint32_t user);
std::string item_name(uint32_t item);

}  // namespace palate
