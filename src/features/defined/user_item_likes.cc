#include <algorithm>

#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  std::vector<ItemIx> liked;
  for (const HistoryEntry& event : in.derived.events) {
    if (event.preference > 0) liked.push_back(event.item);
  }
  std::sort(liked.begin(), liked.end());
  for (size_t i = 0; i < in.items.size(); ++i) {
    const auto [begin, end] = std::equal_range(liked.begin(), liked.end(), in.items[i]);
    out.at(i) = static_cast<float>(end - begin);
  }
}

}  // namespace

Feature user_item_likes() {
  return {.spec = {.name = "user_item_likes",
                   .entity = Entity::kPair,
                   .type = "float",
                   .unit = "events",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "The user's likes of the candidate in his history."},
          .read = read};
}

}  // namespace palate::defined
