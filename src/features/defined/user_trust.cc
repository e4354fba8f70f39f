#include "features/defined/anomaly.h"
#include "features/defined/features.h"
#include "features/trust.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  const UserActivity* activity = in.moment.user->activity.get();
  double trust = 1;
  if (activity != nullptr) {
    const Trust both = trust_of(*activity, in.from.signals->trust_model());
    const bool slates = in.from.signals->slates_are_usual(in.decay);
    trust = static_cast<double>(slates ? both.with_slates : both.without_slates) / kWholeWeight;
  }
  out.at(0) = static_cast<float>(trust * (1 - burst_share(in)));
}

}  // namespace

Feature user_trust() {
  return {.spec = {.name = "user_trust",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "",
                   .default_value = "1",
                   .version = 2,
                   .sentence = "How much the user's events are trusted, 0 to 1: from what "
                               "the account likes without having been shown it, repeats, rates "
                               "and times, less for a history on items that are flagged."},
          .needs_flag = &FeatureConfig::trust,
          .read = read};
}

}  // namespace palate::defined
