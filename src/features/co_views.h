// Which items are liked by the same users, one soon after the other: of each item the partners that
// it was met with most, in bounded memory. Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient
// computation of frequent and top-k elements in data streams", ICDT 2005): a partner that finds no
// room takes the place, and the count, of the least one. So a count is at most the least one too
// high, and exact while no item has met more partners than it keeps. Pairs come in the order of
// the log. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/byte_codec.h"
#include "base/ids.h"

namespace palate {

struct CoView {
  ItemIx item;
  uint32_t weight = 0;  // in 1/256 of an event
  bool operator==(const CoView&) const = default;
};

class CoViews {
 public:
  explicit CoViews(size_t partners_max) : partners_max_(partners_max) {}
  // `weight` is not 0, the items differ.
  void add(ItemIx item, ItemIx partner, uint32_t weight);
  // In no order.
  [[nodiscard]] std::span<const CoView> of(ItemIx item) const;
  void clear() { lists_.clear(); }

  // Nothing but a zero for an item without partners.
  void encode(ByteWriter& out, ItemIx item) const;
  // False for what encode() does not write.
  bool decode(ByteReader& in, ItemIx item);

 private:
  size_t partners_max_;
  std::vector<std::vector<CoView>> lists_;  // by ItemIx
};

}  // namespace palate
