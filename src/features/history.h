// What is kept of a user: the last events that say something about taste, every item consumed, the
// profile. One value in the state store a user (docs/formats/user-state.md), keyed by tenant and
// UserId.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "events/event.h"
#include "events/event_types.h"
#include "features/activity.h"

namespace palate {

// One event of the past as models see it.
struct HistoryEntry {
  ItemIx item;
  EventTypeId type;
  bool prompted = false;  // it answers a slate; not kept in histories
  float value = 0;        // NaN: none
  float preference = 0;   // EventTypes::preference(type, value): > 0 liked, < 0 disliked
  TimeUs ts;
  uint64_t offset = 0;  // its place in the event log: what `as_of` compares
};

struct HistoryLimits {
  size_t events_max = 500;  // the newest that are kept
  size_t consumed_max =
      65536;  // distinct items remembered as consumed; the smallest ItemIx leave first when full
  // Whose ratings between liked and disliked are kept, too, as datasets keep them; fold_user() sets
  // it. nullptr: only what was liked or disliked.
  const EventTypes* types = nullptr;
};

struct UserState {
  std::string name;  // external id
  std::vector<HistoryEntry>
      history;  // ascending by offset; only what says_something() (events/rating_types.h)
  std::vector<ItemIx> consumed;  // ascending, distinct: items with any positive event
  UserRecord profile;
  bool has_profile = false;
  // nullptr where [features] asks for nothing, or nothing was done yet.
  std::shared_ptr<const UserActivity> activity;
};

// Folds one event into the state: a pure function of (state, event), the same in serving, replay
// and training. Events come in ascending order of offset; one without an item, or that does not
// say_something(), changes nothing. `limits.events_max` and `limits.consumed_max` are at least 1.
void fold_event(UserState& state, const HistoryEntry& event, const HistoryLimits& limits);
// The same bits as fold_event() for each in turn, in time linear in state and events.
void fold_events(UserState& state, std::span<const HistoryEntry> events,
                 const HistoryLimits& limits);

// The value of one user in the store (docs/formats/user-state.md). Types are stored by name. Keeps
// every bit of the state, except that each NaN becomes the one NaN and profile.id becomes `name`.
std::string encode_user_state(const UserState& state, const EventTypes& types);
// The same into memory that is used again.
void encode_user_state(const UserState& state, const EventTypes& types, std::string& bytes);
// Reads only inside `bytes`, whatever they are. Errors: kCorrupt, kUnsupportedVersion (also for an
// event type that `types` does not know: the state is to be rebuilt).
Result<UserState> decode_user_state(std::string_view bytes, const EventTypes& types);

}  // namespace palate
