#include "features/defined/anomaly.h"
#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  out.at(0) = static_cast<float>(burst_share(in));
}

}  // namespace

Feature user_burst_share() {
  return {.spec = {.name = "user_burst_share",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "",
                   .default_value = "0",
                   .version = 2,
                   .sentence = "The share of the user's likes that went to items which are "
                               "flagged now, two others added: how alike the account is to those "
                               "of a burst."},
          .needs_flag = &FeatureConfig::trust,
          .read = read};
}

}  // namespace palate::defined
