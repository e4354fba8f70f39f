#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments& arguments, FeatureColumn out) {
  out.at(0) = 0;
  const UserActivity* activity = in.moment.user->activity.get();
  if (activity == nullptr) return;
  for (const UserActivity::OfType& of : activity->types) {
    if (of.type == arguments.type) {
      out.at(0) = static_cast<float>(of.counts.read(arguments.half_life, in.decay));
    }
  }
}

}  // namespace

Feature user_count() {
  return {.spec = {.name = "user_count",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "events",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "The user's events of a type, each halved per half-life."},
          .by_type = true,
          .by_half_life = true,
          .needs_flag = &FeatureConfig::counters,
          .read = read};
}

}  // namespace palate::defined
