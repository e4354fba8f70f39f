// One user's events folded into his state, and what that tells the item side: how much each of them
// counts there, and which items go together. The one function for serving, replay and training.
#pragma once

#include <span>
#include <vector>

#include "features/feature_config.h"
#include "features/history.h"
#include "features/item_popularity.h"
#include "features/item_signals.h"

namespace palate {

struct UserRules {
  const EventTypes* types;
  HistoryLimits limits;
  const FeatureConfig* features;
};

// Of the events from `first` on; filled user by user, in any order of users.
struct ItemSide {
  uint64_t first = 0;
  std::span<EventWeight> weights;  // by offset less `first`
  std::vector<LikedTogether>* liked;
};

// `events` ascend by offset, and are all of the user's that `rules` ask for: with features every
// one of a known type, else those that say_something() (events/rating_types.h). `side` may be
// nullptr.
void fold_user(UserState& state, std::span<const HistoryEntry> events, const UserRules& rules,
               ItemSide* side);

// Events with what was said of them, and of others.
struct WeighedEvents {
  std::span<const Signal> signals;  // ascending by offset
  uint64_t first = 0;
  std::span<const EventWeight> weights;  // by offset less `first`
  std::span<const LikedTogether> liked;  // ascending by offset
  const Catalogue::View* items;
};
struct ItemState {
  ItemPopularity* popularity;
  ItemSignals* signals;
};
// In the order of the log. `changed` gets the items whose popularity moves.
void fold_item_side(const WeighedEvents& events, ItemState state, std::vector<ItemIx>& changed);

}  // namespace palate
