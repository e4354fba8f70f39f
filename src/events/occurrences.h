// Tells genuine repeats apart: two equal rows of one source are two events, and a second import of
// the same source gives the same numbers, so that it adds nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
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
// number is part of an identity that holds the content too.
//
// While time ascends, equal rows can only lie among those of the same time: a few are compared, and
// hashes are only kept in case a row goes back. The table is built then. Not thread-safe.
class OccurrenceCounter {
 public:
  explicit OccurrenceCounter(size_t rows_max = kOccurrenceRows);
  // Sets `occurrence` of rows without an event_id, in order. True when one is not 0.
  bool number(std::span<EventView> rows, std::span<const uint64_t> hashes);

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
  // How many of the first rows it numbered; all of them while time ascends.
  // `repeats` becomes true when one of them is a repeat.
  size_t number_ascending(std::span<EventView> rows, std::span<const uint64_t> hashes,
                          bool& repeats);
  void build_table();

  size_t rows_max_;
  bool ascending_ = true;
  TimeUs newest_{std::numeric_limits<int64_t>::min()};
  std::vector<uint64_t> of_newest_;             // hashes of the rows at that time
  std::deque<std::vector<uint64_t>> ascended_;  // hashes of all rows so far, the newest at least
  size_t ascended_rows_ = 0;
  Generation current_, previous_;
};

}  // namespace palate
