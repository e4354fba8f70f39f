// What is most like an item, kept from the first time that somebody asks: without filters, so that
// each request can take from it what its own lets through. A table of fixed size that forgets.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/ids.h"
#include "models/model.h"

namespace palate {

class NeighbourLists {
 public:
  static constexpr size_t kLength = 128;             // of a list at most
  static constexpr size_t kItemBytes = kLength * 8;  // of memory
  static constexpr size_t kBytesMax = size_t{64} << 20;

  // Of ItemIx below `items`; memory of at most `bytes_max`, touched as items are asked for.
  explicit NeighbourLists(size_t items, size_t bytes_max = kBytesMax);
  ~NeighbourLists();

  // Whether a list misses some of the best, each for one that is worse (TopKRequest::nearly).
  enum class Best : uint8_t { kAll, kNearly };
  // Copies what is known of `item` into `list`, best first; one shorter than kLength is all that
  // there is. False: nothing is known, or the other kind, so that an answer does not depend on who
  // asked before.
  bool find(ItemIx item, Best asked, std::vector<Scored>& list) const;
  // `list`: best first, of at most kLength; longer ones are cut.
  void keep(ItemIx item, Best which, std::span<const Scored> list);

 private:
  struct Slot;
  struct Entry;  // as Scored, but not written before it is needed
  [[nodiscard]] std::span<Slot> ways_of(ItemIx item) const;
  [[nodiscard]] Entry* list_of(const Slot& slot) const;

  size_t sets_;
  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<Entry[]> lists_;  // kLength of each slot
  mutable std::vector<std::mutex> locks_;
};

}  // namespace palate
