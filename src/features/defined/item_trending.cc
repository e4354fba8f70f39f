#include "features/defined/anomaly.h"
#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  const LikesAtOnce at_once(in);
  for (size_t i = 0; i < in.items.size(); ++i) {
    at_once.fetch_ahead(i);
    out.at(i) = static_cast<float>(at_once.trending(in.items[i]));
  }
}

}  // namespace

Feature item_trending() {
  return {.spec = {.name = "item_trending",
                   .entity = Entity::kItem,
                   .type = "float",
                   .unit = "deviations",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "How far the item's likes of the last hour and of the last day "
                               "both lie above what its week and everybody's traffic make likely; "
                               "less where they come from new accounts."},
          .needs_flag = &FeatureConfig::counters,
          .read = read};
}

}  // namespace palate::defined
