// A world's events as the rest of Palate takes them.
#pragma once

#include <functional>
#include <stop_token>

#include "base/result.h"
#include "events/event.h"
#include "events/event_types.h"
#include "simulate/world.h"

namespace palate {

// Every happening of the world, ascending by time (ties in the order of sessions). Memory: what a
// few hours of the world hold. Errors: the visitor's, kCancelled.
Status for_each_happening(const World& world, std::stop_token stop,
                          const std::function<Status(const World::Happening&)>& visit);

// Appends one happening as a row; its strings are copied into the batch. `received` is its own
// time. Errors: kInvalidArgument when `types` lacks the type.
Status append_happening(const World::Happening& happening, const EventTypes& types,
                        EventBatch& batch);

// The event's JSON, one object without a newline, as POST /v1/events takes it.
std::string to_json(const World::Happening& happening);

}  // namespace palate
