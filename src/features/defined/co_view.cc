#include <bit>
#include <span>
#include <vector>

#include "features/defined/features.h"

namespace palate::defined {
namespace {

// Few items, asked for often: open addressing in a table that is at least half empty.
class WeightByItem {
 public:
  explicit WeightByItem(std::span<const CoView> views)
      : slots_(std::bit_ceil(2 * views.size() + 1)) {
    for (const CoView& view : views) {
      Slot& slot = slots_[find(view.item)];
      slot.item = view.item;
      slot.weight += view.weight;
    }
  }
  [[nodiscard]] uint64_t of(ItemIx item) const { return slots_[find(item)].weight; }

 private:
  struct Slot {
    ItemIx item;  // invalid: free, and its weight is 0
    uint64_t weight = 0;
  };
  [[nodiscard]] size_t find(ItemIx item) const {
    constexpr uint32_t kGolden = 0x9e3779b9;  // Knuth, The Art of Computer Programming 3, 6.4
    const size_t mask = slots_.size() - 1;
    size_t at = (item.value * kGolden >> 16) & mask;
    while (slots_[at].item.valid() && slots_[at].item != item) at = (at + 1) & mask;
    return at;
  }
  std::vector<Slot> slots_;
};

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  for (size_t i = 0; i < in.items.size(); ++i) out.at(i) = 0;
  const UserActivity* activity = in.moment.user->activity.get();
  if (activity == nullptr) return;
  std::vector<CoView> views;
  for (const ItemIx recent : activity->recent) {
    const auto some = in.from.signals->co_views(recent);
    views.insert(views.end(), some.begin(), some.end());
  }
  const WeightByItem weights(views);
  for (size_t i = 0; i < in.items.size(); ++i) {
    out.at(i) = static_cast<float>(static_cast<double>(weights.of(in.items[i])) / kWholeWeight);
  }
}

}  // namespace

Feature co_view() {
  return {.spec = {.name = "co_view",
                   .entity = Entity::kPair,
                   .type = "float",
                   .unit = "events",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "How often the candidate was liked close to the four items that "
                               "the user liked last, as far as co_views remembers."},
          .needs_co_views = true,
          .read = read};
}

}  // namespace palate::defined
