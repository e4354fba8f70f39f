#include "recommend/pool.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>

namespace palate {
namespace {

// A number that is smaller the larger the score; both zeros are one.
uint32_t descending(float score) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0F);
  return (bits >> 31) != 0 ? bits : ~bits & 0x7fffffffU;
}

}  // namespace

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

// By a table with open addressing, at most half full. Sums are made in the order of the sources.
void CandidatePool::merge() {
  const size_t slots = std::bit_ceil(2 * items.size() + 1);
  const int shift = 64 - std::countr_zero(slots);
  constexpr uint32_t kFree = std::numeric_limits<uint32_t>::max();
  table_.assign(slots, kFree);
  uint32_t kept = 0;
  for (const PoolItem one : items) {
    size_t slot = one.item.value * 0x9e3779b97f4a7c15U >> shift;
    while (table_[slot] != kFree && items[table_[slot]].item != one.item) {
      slot = (slot + 1) % slots;
    }
    if (table_[slot] == kFree) {
      table_[slot] = kept;
      items[kept++] = one;
    } else {
      PoolItem& known = items[table_[slot]];
      known.sources |= one.sources;
      known.retrieval += one.retrieval;
      known.again |= one.again;
    }
  }
  items.resize(kept);
  for (PoolItem& one : items) one.score = one.retrieval;
  head = kept;
  sort();
}

// Radix sort, a byte at a time: a thousand scores that nobody can predict cost a comparison sort
// more in missed branches than all passes here.
void CandidatePool::sort() {
  places_.resize(items.size());
  more_places_.resize(items.size());
  uint64_t differ = 0;
  for (uint32_t i = 0; i < items.size(); ++i) {
    places_[i] = {uint64_t{descending(items[i].score)} << 32 | items[i].item.value, i};
    differ |= places_[i].key ^ places_[0].key;
  }
  for (int shift = 0; shift < 64; shift += 8) {
    if ((differ >> shift & 0xff) == 0) continue;
    std::array<uint32_t, 256> begins{};
    for (const Place& one : places_) ++begins[one.key >> shift & 0xff];
    std::exclusive_scan(begins.begin(), begins.end(), begins.begin(), 0U);
    for (const Place& one : places_) more_places_[begins[one.key >> shift & 0xff]++] = one;
    places_.swap(more_places_);
  }
  sorted_.clear();
  sorted_.reserve(items.size());
  for (const Place& one : places_) sorted_.push_back(items[one.place]);
  items.swap(sorted_);
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
