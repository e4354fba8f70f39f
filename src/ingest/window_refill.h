// The window's content out of the log: done when the ingest starts, on the writer's thread, and
// again when it is needed after an import that went without it.
#pragma once

#include <cstdint>
#include <stop_token>

#include "base/result.h"
#include "events/event_types.h"
#include "events/log.h"
#include "ingest/identity_window.h"

namespace palate {

// The identities of the newest `wanted` events, of which the last ends at `events_end`, replace
// what `window` holds. Errors: kCancelled, and those of the log; the window is empty then.
struct WindowRefill {
  const EventLog* log;
  const EventTypes* types;
  uint64_t events_end = 0;
  size_t wanted = 0;
};
Status refill_window(const WindowRefill& refill, IdentityWindow& window, std::stop_token stop);

}  // namespace palate
