#include "features/defined/anomaly.h"
#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  const LikesAtOnce at_once(in);
  for (size_t i = 0; i < in.items.size(); ++i) {
    out.at(i) = at_once.anomalous(in.items[i]) ? 1 : 0;
  }
}

}  // namespace

Feature item_anomaly() {
  return {.spec = {.name = "item_anomaly",
                   .entity = Entity::kItem,
                   .type = "float",
                   .unit = "flag",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "1 while most of the item's likes of the last day are not trusted, "
                               "or come from new accounts far more often than anywhere else."},
          .needs_flag = &FeatureConfig::trust,
          .read = read};
}

}  // namespace palate::defined
