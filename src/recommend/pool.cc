#include "recommend/pool.h"

#include <algorithm>

namespace palate {

void CandidatePool::clear() {
  items.clear();
  head = 0;
}

void CandidatePool::propose(std::span<const Scored> list, const Proposals& by) {
  constexpr double kSmoothing = 60;
  for (size_t i = 0; i < list.size(); ++i) {
    const auto gain = static_cast<float>(by.weight / (kSmoothing + static_cast<double>(i) + 1));
    items.push_back({list[i].item, uint32_t{1} << by.stage, gain, 0, by.again});
  }
}

void CandidatePool::merge() {
  // Stable, so that sums are made in the order of the sources.
  std::ranges::stable_sort(items, std::less{}, [](const PoolItem& one) { return one.item.value; });
  size_t kept = 0;
  for (const PoolItem& one : items) {
    if (kept > 0 && items[kept - 1].item == one.item) {
      PoolItem& known = items[kept - 1];
      known.sources |= one.sources;
      known.retrieval += one.retrieval;
      known.again |= one.again;
    } else {
      items[kept++] = one;
    }
  }
  items.resize(kept);
  for (PoolItem& one : items) one.score = one.retrieval;
  head = kept;
  sort();
}

void CandidatePool::sort() {
  std::ranges::sort(items, [](const PoolItem& a, const PoolItem& b) {
    return a.score != b.score ? a.score > b.score : a.item < b.item;
  });
}

std::vector<float> unit_scores(std::span<const PoolItem> items) {
  std::vector<float> scores;
  if (items.empty()) return scores;
  const auto [least, greatest] = std::ranges::minmax(items, {}, &PoolItem::score);
  const float range = greatest.score - least.score;
  for (const PoolItem& one : items) {
    scores.push_back(range > 0 ? (one.score - least.score) / range : 0.5f);
  }
  return scores;
}

}  // namespace palate
