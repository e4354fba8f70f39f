// What is kept of a user: the last events that say something about taste, every item consumed, the
// profile. One value in the state store a user (docs/formats/user-state.md), keyed by tenant and
// UserId.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "events/event.h"
#include "events/event_types.h"

namespace palate {

// One event of the past as models see it.
struct HistoryEntry {
  ItemIx item;
  EventTypeId type;
  float value = 0;       // NaN: none
  float preference = 0;  // EventTypes::preference(type, value): > 0 liked, < 0 disliked
  TimeUs ts;
  uint64_t offset = 0;  // its place in the event log: what `as_of` compares
};

struct HistoryLimits {
  size_t events_max = 500;  // the newest that are kept
  size_t consumed_max =
      65536;  // distinct items remembered as consumed; the smallest ItemIx leave first when full
};

struct UserState {
  std::string name;  // external id
  std::vector<HistoryEntry>
      history;  // ascending by offset; only positive and negative events, no impressions
  std::vector<ItemIx> consumed;  // ascending, distinct: items with any positive event
  UserRecord profile;
  bool has_profile = false;
};

// Folds one event into the state: a pure function of (state, event), the same in serving, replay
// and training.
void fold_event(UserState& state, const HistoryEntry& event, const HistoryLimits& limits);

std::string encode_user_state(const UserState& state, const EventTypes& types);
Result<UserState> decode_user_state(std::string_view bytes, const EventTypes& types);

}  // namespace palate
