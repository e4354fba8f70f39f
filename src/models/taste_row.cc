#include "models/taste_row.h"

#include <algorithm>
#include <utility>

namespace palate {
namespace {

bool knows(std::span<const uint32_t> seen, ItemIx item) {
  return item.value < seen.size() && seen[item.value] > 0;
}

}  // namespace

TasteRow taste_row(std::span<const HistoryEntry> history, std::span<const uint32_t> seen) {
  std::vector<std::pair<uint32_t, float>> known;
  known.reserve(history.size());
  for (const HistoryEntry& entry : history) {
    if (knows(seen, entry.item)) known.emplace_back(entry.item.value, entry.preference);
  }
  // Stable, so that equal items are added in the order of their events.
  std::ranges::stable_sort(known, {}, &std::pair<uint32_t, float>::first);
  TasteRow out;
  for (size_t i = 0; i < known.size();) {
    const uint32_t item = known[i].first;
    float sum = 0;
    for (; i < known.size() && known[i].first == item; ++i) sum += known[i].second;
    if (!(sum > 0)) continue;
    out.index.push_back(item);
    out.value.push_back(sum);
  }
  return out;
}

std::vector<uint32_t> taste_order(std::span<const HistoryEntry> history,
                                  std::span<const uint32_t> seen) {
  const TasteRow row = taste_row(history, seen);
  std::vector<std::pair<size_t, uint32_t>> newest;  // place in the history, item
  newest.reserve(row.index.size());
  for (const uint32_t item : row.index) newest.emplace_back(0, item);
  for (size_t at = 0; at < history.size(); ++at) {
    if (!(history[at].preference > 0)) continue;
    const auto found = std::ranges::lower_bound(row.index, history[at].item.value);
    if (found == row.index.end() || *found != history[at].item.value) continue;
    newest[static_cast<size_t>(found - row.index.begin())].first = at;
  }
  std::ranges::sort(newest);
  std::vector<uint32_t> out;
  out.reserve(newest.size());
  for (const auto& [at, item] : newest) out.push_back(item);
  return out;
}

bool has_taste(std::span<const HistoryEntry> history, std::span<const uint32_t> seen) {
  bool positive = false, negative = false;
  for (const HistoryEntry& entry : history) {
    if (!knows(seen, entry.item)) continue;
    positive |= entry.preference > 0;
    negative |= entry.preference < 0;
  }
  return positive && (!negative || !taste_row(history, seen).index.empty());
}

std::vector<uint64_t> never_seen(std::span<const uint32_t> seen) {
  std::vector<uint64_t> bits((seen.size() + 63) / 64, 0);
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i] == 0) bits[i / 64] |= uint64_t{1} << (i % 64);
  }
  return bits;
}

}  // namespace palate
