#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  const UserActivity* activity = in.moment.user->activity.get();
  const bool known = activity != nullptr && activity->first.us > 0;
  out.at(0) = !known
                  ? 0
                  : static_cast<float>(static_cast<double>(in.moment.now.us - activity->first.us) /
                                       static_cast<double>(kDayUs));
}

}  // namespace

Feature user_age_d() {
  return {.spec = {.name = "user_age_d",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "days",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "Days since the user's first event that had a time."},
          .needs_flag = &FeatureConfig::counters,
          .read = read};
}

}  // namespace palate::defined
