#include "features/co_views.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace palate {
namespace {

uint32_t saturating_add(uint32_t a, uint32_t b) {
  const uint64_t sum = uint64_t{a} + b;
  return static_cast<uint32_t>(std::min<uint64_t>(sum, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

void CoViews::add(ItemIx item, ItemIx partner, uint32_t weight) {
  if (item.value >= lists_.size()) lists_.resize(item.value + 1);
  std::vector<CoView>& list = lists_[item.value];
  const auto known = std::ranges::find(list, partner, &CoView::item);
  if (known != list.end()) {
    known->weight = saturating_add(known->weight, weight);
    return;
  }
  if (list.size() < partners_max_) {
    list.push_back({partner, weight});
    return;
  }
  if (list.empty()) return;
  const auto least = std::ranges::min_element(list, {}, [](const CoView& view) {
    return std::tuple(view.weight, ~view.item.value);  // of equal ones the newer item goes
  });
  *least = {partner, saturating_add(least->weight, weight)};
}

std::span<const CoView> CoViews::of(ItemIx item) const {
  return item.value < lists_.size() ? std::span<const CoView>(lists_[item.value])
                                    : std::span<const CoView>();
}

void CoViews::encode(ByteWriter& out, ItemIx item) const {
  const std::span<const CoView> there = of(item);
  std::vector<CoView> list(there.begin(), there.end());
  std::ranges::sort(list, {}, &CoView::item);
  out.varint(list.size());
  for (const CoView& view : list) {
    out.varint(view.item.value);
    out.varint(view.weight);
  }
}

bool CoViews::decode(ByteReader& in, ItemIx item) {
  std::vector<CoView> list;
  const size_t count = in.count(2);
  for (size_t i = 0; i < count && in.ok(); ++i) {
    const uint64_t partner = in.varint(), weight = in.varint();
    if (partner >= ItemIx{}.value || weight > std::numeric_limits<uint32_t>::max()) return false;
    list.push_back({{static_cast<uint32_t>(partner)}, static_cast<uint32_t>(weight)});
  }
  if (!in.ok() || list.size() > partners_max_) return false;
  if (list.empty()) return true;
  if (item.value >= lists_.size()) lists_.resize(item.value + 1);
  lists_[item.value] = std::move(list);
  return true;
}

}  // namespace palate
