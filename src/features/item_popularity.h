// The decayed popularity of every item: the sum of what people liked about it, each event halved
// per half-life. Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay: a practical
// time decay model for streaming systems", ICDE 2009, section III): an event weighs
// w · 2^((t − L) / h) against the fixed landmark L = 1970, and only reading divides by
// 2^((now − L) / h).
//
// In fixed point, so that order cannot change the bits: the exponent's whole part k picks one of
// kLevels integers of an item, its fraction scales what is added there. Levels more than
// kLevels − 1 half-lives below the item's newest event are dropped, which no order of arrival can
// change either: what the final newest drops, it drops whenever it comes.
#pragma once

#include <array>
#include <cstdint>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace palate {

class ItemPopularity {
 public:
  static constexpr int kLevels = 16;
  static constexpr int64_t kHalfLifeUs = 7 * kDayUs;

  // What one event adds: computed apart from add(), in parallel.
  struct Change {
    ItemIx item;
    int32_t level = 0;
    int64_t amount = 0;  // in units of 2^-20 of a weight
  };
  // `ts` is the event's time; a clock that runs ahead of `received` (when that is known) counts as
  // `received`, so that one wrong clock cannot bury everything else about the item.
  static Change change(ItemIx item, float preference, TimeUs ts, TimeUs received);

  // Adds all changes. One writer; readers wait.
  void add(std::span<const Change> changes);
  // What the item weighs at `now`; 0 for an item without likes. Thread-safe.
  [[nodiscard]] double read(ItemIx item, TimeUs now) const;
  // Of many items at once.
  [[nodiscard]] std::vector<double> read(std::span<const ItemIx> items, TimeUs now) const;

  // The value of one item in the store (docs/formats/user-state.md), and back. Errors: kCorrupt.
  [[nodiscard]] std::string encode(ItemIx item) const;
  Status decode(ItemIx item, std::string_view bytes);
  void clear();

 private:
  struct Counter {
    int32_t newest = 0;  // the level of sums[newest mod kLevels]
    bool used = false;
    std::array<int64_t, kLevels> sums{};  // level k at k mod kLevels
  };
  static void add_to(Counter& counter, const Change& change);
  class Aging;
  [[nodiscard]] double read_locked(ItemIx item, Aging& aging) const;

  mutable std::shared_mutex mutex_;
  std::vector<Counter> counters_;  // by ItemIx; shorter than the catalogue means zeros
};

}  // namespace palate
