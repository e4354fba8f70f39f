// Tells genuine repeats apart: two equal rows of one source are two events, and a second import of
// the same source gives the same numbers, so that it adds nothing.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "events/event.h"
#include "events/limits.h"

namespace palate {

// Of everything that makes an event but its id, its receipt and its occurrence number. Not stable
// between releases: it is only compared within one run.
uint64_t content_hash(const EventView& row);

// Remembers the last kOccurrenceRows to twice as many distinct rows; a repeat further back counts
// as the first again. Two rows that agree in 64 bits of hash count as equal, which is harmless: the
// number is part of an identity that holds the content too. Not thread-safe.
class OccurrenceCounter {
 public:
  explicit OccurrenceCounter(size_t rows_max = kOccurrenceRows);
  // Sets `occurrence` of rows without an event_id, in order.
  void number(std::span<EventView> rows, std::span<const uint64_t> hashes);

 private:
  // Open addressing over the hashes themselves; 0 is an empty slot.
  struct Generation {
    std::vector<uint64_t> slots = std::vector<uint64_t>(1024);
    size_t used = 0;
    std::unordered_map<uint64_t, uint32_t> repeats;  // hash -> occurrences after the first

    [[nodiscard]] bool contains(uint64_t hash) const;
    void insert(uint64_t hash);
    void grow();
  };
  uint32_t seen_before(uint64_t hash);

  size_t rows_max_;
  Generation current_, previous_;
};

}  // namespace palate
