#include "models/neighbour_lists.h"

#include <algorithm>

namespace palate {
namespace {

constexpr size_t kWays = 4;     // slots that an item may be in
constexpr size_t kLocks = 256;  // each of many sets

}  // namespace

struct NeighbourLists::Slot {
  ItemIx item{0xffffffff};  // nobody's
  uint16_t length = 0;
  Best which = Best::kAll;
  bool asked = false;  // since it was last looked at for being replaced
};

struct NeighbourLists::Entry {
  uint32_t item;
  float score;
};

NeighbourLists::NeighbourLists(size_t items, size_t bytes_max) : locks_(kLocks) {
  static_assert(kItemBytes == kLength * sizeof(Entry));
  const size_t set_bytes = kWays * (kItemBytes + sizeof(Slot));
  sets_ = std::clamp<size_t>((items + kWays - 1) / kWays, 1,
                             std::max<size_t>(bytes_max / set_bytes, 1));
  slots_ = std::make_unique<Slot[]>(sets_ * kWays);
  lists_ = std::make_unique_for_overwrite<Entry[]>(sets_ * kWays * kLength);
}
NeighbourLists::~NeighbourLists() = default;

std::span<NeighbourLists::Slot> NeighbourLists::ways_of(ItemIx item) const {
  return {&slots_[item.value % sets_ * kWays], kWays};
}

NeighbourLists::Entry* NeighbourLists::list_of(const Slot& slot) const {
  return &lists_[static_cast<size_t>(&slot - slots_.get()) * kLength];
}

bool NeighbourLists::find(ItemIx item, Best asked, std::vector<Scored>& list) const {
  const std::lock_guard lock(locks_[item.value % sets_ % kLocks]);
  const std::span<Slot> ways = ways_of(item);
  const auto slot = std::ranges::find(ways, item, &Slot::item);
  if (slot == ways.end() || slot->which != asked) return false;
  slot->asked = true;
  list.clear();
  list.reserve(slot->length);
  for (const Entry& one : std::span(list_of(*slot), slot->length)) {
    list.push_back({ItemIx{one.item}, one.score});
  }
  return true;
}

void NeighbourLists::keep(ItemIx item, Best which, std::span<const Scored> list) {
  const std::lock_guard lock(locks_[item.value % sets_ % kLocks]);
  const std::span<Slot> ways = ways_of(item);
  // The item's own slot, else an empty one, else one that nobody has asked for since the last time,
  // else any.
  auto slot = std::ranges::find(ways, item, &Slot::item);
  if (slot == ways.end()) slot = std::ranges::find(ways, Slot{}.item, &Slot::item);
  if (slot == ways.end()) slot = std::ranges::find(ways, false, &Slot::asked);
  if (slot == ways.end()) {
    for (Slot& way : ways) way.asked = false;
    slot = ways.begin() + static_cast<ptrdiff_t>(item.value / sets_ % kWays);
  }
  const size_t length = std::min(list.size(), kLength);
  *slot = {.item = item, .length = static_cast<uint16_t>(length), .which = which};
  std::ranges::transform(list.first(length), list_of(*slot),
                         [](const Scored& one) { return Entry{one.item.value, one.score}; });
}

}  // namespace palate
