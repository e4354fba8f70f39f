// Finds users by the beginning of their id, among those of the newest events.
#pragma once

#include <string>
#include <vector>

#include "events/event_types.h"
#include "events/log.h"
#include "features/live_state.h"

namespace palate {

struct RecentUsersSearch {
  static constexpr uint64_t kEventsReadMax = 100'000;  // of each partition; tens of milliseconds
  std::string prefix;                                  // empty: anybody
  size_t n = 10;
};

struct FoundUsers {
  struct User {
    std::string name;
    size_t history_length = 0;
  };
  std::vector<User> users;  // the one with that very id, then who was here last
  uint64_t events_read = 0;
};

// Reads the end of the log and the states of who is found: not on an event loop. Only users with a
// state are found, so nobody who was forgotten. Errors: those of log and store.
Result<FoundUsers> find_recent_users(const EventLog& log, const EventTypes& types,
                                     const LiveState& state, const RecentUsersSearch& search);

}  // namespace palate
