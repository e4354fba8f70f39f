#include "features/user_side.h"

#include <algorithm>
#include <memory>

#include "features/trust.h"

namespace palate {
namespace {

constexpr uint64_t kYoungTastes = 4;  // so many likes and dislikes make an account that is known

void add_pairs(const UserActivity& before, const HistoryEntry& event, ItemSide& side) {
  for (const ItemIx earlier : before.recent) {
    if (earlier.valid() && earlier != event.item) {
      side.liked->push_back({event.offset, event.item, earlier});
    }
  }
}

}  // namespace

void fold_user(UserState& state, std::span<const HistoryEntry> events, const UserRules& rules,
               ItemSide* side) {
  // A store that a writer shares may be ahead of the position that a reader folds from.
  const uint64_t known = state.history.empty() ? 0 : state.history.back().offset + 1;
  const auto fresh = std::ranges::lower_bound(events, known, {}, &HistoryEntry::offset);
  HistoryLimits limits = rules.limits;
  limits.types = rules.types;
  fold_events(state, {fresh, events.end()}, limits);
  if (!rules.features->keeps_activity() || events.empty()) return;
  auto next = state.activity ? std::make_shared<UserActivity>(*state.activity)
                             : std::make_shared<UserActivity>();
  const ActivityRules activity_rules{rules.types, rules.features->counters,
                                     static_cast<size_t>(rules.features->shown)};
  for (const HistoryEntry& event : events) {
    if (event.offset < next->end) continue;
    const bool liked = event.preference > 0 && event.item.valid();
    if (side != nullptr && liked && rules.features->co_views > 0) add_pairs(*next, event, *side);
    fold_activity(*next, event, activity_rules);
    if (side == nullptr) continue;
    EventWeight& weight = side->weights[event.offset - side->first];
    if (rules.features->trust) weight = weight_of_last(*next, event, rules.features->model());
    weight.young = next->likes + next->dislikes < kYoungTastes;
  }
  state.activity = std::move(next);
}

void fold_item_side(const WeighedEvents& events, ItemState state, std::vector<ItemIx>& changed) {
  if (events.signals.empty()) return;
  std::vector<EventWeight> weights;
  for (const Signal& signal : events.signals) {
    weights.push_back(events.weights[signal.offset - events.first]);
  }
  const auto begin = std::ranges::lower_bound(events.liked, events.signals.front().offset, {},
                                              &LikedTogether::offset);
  const auto end = std::ranges::upper_bound(events.liked, events.signals.back().offset, {},
                                            &LikedTogether::offset);
  state.signals->add({events.signals, weights, {begin, end}}, *events.items);
  std::vector<ItemPopularity::Change> changes;
  for (size_t i = 0; i < weights.size(); ++i) {
    const Signal& signal = events.signals[i];
    if (!(signal.preference > 0) || !signal.item.valid()) continue;
    const float share = static_cast<float>(weights[i].of_whole) / kWholeWeight;
    changes.push_back(
        ItemPopularity::change(signal.item, signal.preference * share, signal.at, {}));
    changed.push_back(signal.item);
  }
  state.popularity->add(changes);
}

}  // namespace palate
