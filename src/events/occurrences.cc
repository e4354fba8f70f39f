#include "events/occurrences.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace palate {
namespace {

// More rows of one time than this go through the table.
constexpr size_t kSameTimeMax = 32;

}  // namespace

uint64_t content_hash(const EventView& row) {
  // Odd factors keep every bit of each number; the texts' hashes mix them.
  constexpr uint64_t kTime = 0x9e3779b97f4a7c15, kValue = 0xc2b2ae3d27d4eb4f;
  uint64_t hash = static_cast<uint64_t>(row.ts.us) * kTime;
  hash = (std::rotl(hash, 29) ^ std::bit_cast<uint64_t>(row.value)) * kValue;
  hash ^= (uint64_t{row.type.value} << 32) | static_cast<uint32_t>(row.slot);
  hash = XXH3_64bits_withSeed(row.user.data(), row.user.size(), hash);
  hash = XXH3_64bits_withSeed(row.item.data(), row.item.size(), hash);
  if (!row.request_id.empty()) {
    hash = XXH3_64bits_withSeed(row.request_id.data(), row.request_id.size(), hash);
  }
  if (!row.context.empty()) {
    hash = XXH3_64bits_withSeed(row.context.data(), row.context.size(), hash);
  }
  return hash | 1;  // 0 marks an empty slot
}

OccurrenceCounter::OccurrenceCounter(size_t rows_max) : rows_max_(rows_max) {}

bool OccurrenceCounter::Generation::contains(uint64_t hash) const {
  const size_t last = slots.size() - 1;
  for (size_t at = (hash >> 1) & last;; at = (at + 1) & last) {
    if (slots[at] == hash) return true;
    if (slots[at] == 0) return false;
  }
}

void OccurrenceCounter::Generation::insert(uint64_t hash) {
  if (2 * used >= slots.size()) grow();
  const size_t last = slots.size() - 1;
  size_t at = (hash >> 1) & last;
  while (slots[at] != 0) at = (at + 1) & last;
  slots[at] = hash;
  ++used;
}

void OccurrenceCounter::Generation::grow() {
  std::vector<uint64_t> old(4 * slots.size());
  old.swap(slots);
  used = 0;
  const size_t last = slots.size() - 1;
  for (uint64_t hash : old) {
    if (hash == 0) continue;
    size_t at = (hash >> 1) & last;
    while (slots[at] != 0) at = (at + 1) & last;
    slots[at] = hash;
    ++used;
  }
}

uint32_t OccurrenceCounter::seen_before(uint64_t hash) {
  for (Generation* generation : {&current_, &previous_}) {
    if (generation->contains(hash)) return ++generation->repeats[hash];
  }
  if (current_.used >= rows_max_) {
    previous_ = std::move(current_);
    current_ = Generation{};
  }
  current_.insert(hash);
  return 0;
}

size_t OccurrenceCounter::number_ascending(std::span<EventView> rows,
                                           std::span<const uint64_t> hashes, bool& repeats) {
  std::vector<uint64_t> passed;
  size_t i = 0;
  for (; i < rows.size(); ++i) {
    if (!rows[i].event_id.empty()) continue;
    if (rows[i].ts < newest_) break;
    if (rows[i].ts > newest_) {
      newest_ = rows[i].ts;
      of_newest_.clear();
    }
    if (of_newest_.size() >= std::min(kSameTimeMax, rows_max_)) break;
    rows[i].occurrence = static_cast<uint32_t>(std::ranges::count(of_newest_, hashes[i]));
    repeats |= rows[i].occurrence != 0;
    of_newest_.push_back(hashes[i]);
    if (passed.empty()) passed.reserve(rows.size() - i);
    passed.push_back(hashes[i]);
  }
  ascended_rows_ += passed.size();
  if (!passed.empty()) ascended_.push_back(std::move(passed));
  while (!ascended_.empty() && ascended_rows_ - ascended_.front().size() >= 2 * rows_max_) {
    ascended_rows_ -= ascended_.front().size();
    ascended_.pop_front();
  }
  return i;
}

void OccurrenceCounter::build_table() {
  for (const std::vector<uint64_t>& hashes : ascended_) {
    for (const uint64_t hash : hashes) seen_before(hash);
  }
  ascended_.clear();
  of_newest_ = {};
  ascending_ = false;
}

bool OccurrenceCounter::number(std::span<EventView> rows, std::span<const uint64_t> hashes) {
  constexpr size_t kAhead = 16;  // slots are fetched while earlier ones are looked at
  bool repeats = false;
  size_t i = ascending_ ? number_ascending(rows, hashes, repeats) : 0;
  if (i < rows.size() && ascending_) build_table();
  for (; i < rows.size(); ++i) {
    const uint64_t ahead = hashes[std::min(i + kAhead, rows.size() - 1)];
    __builtin_prefetch(&current_.slots[(ahead >> 1) & (current_.slots.size() - 1)]);
    if (rows[i].event_id.empty()) rows[i].occurrence = seen_before(hashes[i]);
    repeats |= rows[i].occurrence != 0;
  }
  return repeats;
}

}  // namespace palate
