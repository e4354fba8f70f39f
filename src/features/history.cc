#include "features/history.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include "base/check.h"
#include "events/rating_types.h"

namespace palate {
namespace {

bool is_kept(const HistoryEntry& event, const HistoryLimits& limits) {
  if (!event.item.valid()) return false;
  if (event.preference != 0 || limits.types == nullptr) return event.preference != 0;
  return says_something(limits.types->at(event.type), event.preference, event.value);
}

void check_limits(const HistoryLimits& limits) {
  PALATE_CHECK(limits.events_max > 0 && limits.consumed_max > 0, "history limits must be positive");
}

// Sorted and distinct. Items of many events lie close together: then a bitmap is many times faster
// than sorting.
void sort_distinct(std::vector<ItemIx>& items) {
  constexpr size_t kWordsPerItem = 8;
  const auto [low, high] = std::minmax_element(items.begin(), items.end());
  const uint32_t base = low->value;
  const size_t words = (high->value - base) / 64 + 1;
  if (words > items.size() * kWordsPerItem) {
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
    return;
  }
  std::vector<uint64_t> bits(words);
  for (const ItemIx item : items) {
    bits[(item.value - base) / 64] |= uint64_t{1} << ((item.value - base) % 64);
  }
  items.clear();
  for (size_t w = 0; w < words; ++w) {
    for (uint64_t word = bits[w]; word != 0; word &= word - 1) {
      items.push_back(
          {base + static_cast<uint32_t>(w * 64) + static_cast<uint32_t>(std::countr_zero(word))});
    }
  }
}

// As the codec writes it, so that a restart changes nothing.
HistoryEntry as_kept(HistoryEntry event) {
  event.prompted = false;
  return event;
}

}  // namespace

void fold_event(UserState& state, const HistoryEntry& event, const HistoryLimits& limits) {
  check_limits(limits);
  if (!is_kept(event, limits)) return;
  if (state.history.size() >= limits.events_max) {
    const auto surplus = state.history.size() - limits.events_max + 1;
    state.history.erase(state.history.begin(),
                        state.history.begin() + static_cast<ptrdiff_t>(surplus));
  }
  state.history.push_back(as_kept(event));
  if (!(event.preference > 0)) return;
  auto& consumed = state.consumed;
  const auto at = std::lower_bound(consumed.begin(), consumed.end(), event.item);
  if (at != consumed.end() && *at == event.item) return;
  consumed.insert(at, event.item);
  if (consumed.size() > limits.consumed_max) consumed.erase(consumed.begin());
}

void fold_events(UserState& state, std::span<const HistoryEntry> events,
                 const HistoryLimits& limits) {
  check_limits(limits);
  std::vector<ItemIx> fresh;
  fresh.reserve(events.size());
  state.history.reserve(state.history.size() + events.size());
  for (const HistoryEntry& event : events) {
    if (!is_kept(event, limits)) continue;
    state.history.push_back(as_kept(event));
    if (event.preference > 0) fresh.push_back(event.item);
  }
  if (state.history.size() > limits.events_max) {
    state.history.erase(state.history.begin(),
                        state.history.end() - static_cast<ptrdiff_t>(limits.events_max));
  }
  if (fresh.empty()) return;
  sort_distinct(fresh);
  std::vector<ItemIx> both;
  if (state.consumed.empty()) {
    both = std::move(fresh);
  } else {
    both.reserve(state.consumed.size() + fresh.size());
    std::set_union(state.consumed.begin(), state.consumed.end(), fresh.begin(), fresh.end(),
                   std::back_inserter(both));
  }
  // Dropping the smallest at each step or once at the end leaves the same items: the largest ones.
  if (both.size() > limits.consumed_max) {
    both.erase(both.begin(), both.end() - static_cast<ptrdiff_t>(limits.consumed_max));
  }
  state.consumed = std::move(both);
}

}  // namespace palate
