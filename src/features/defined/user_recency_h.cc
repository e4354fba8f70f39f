#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  constexpr float kNever = 1e6F;
  const auto& events = in.derived.events;
  out.at(0) = events.empty()
                  ? kNever
                  : static_cast<float>(static_cast<double>(in.moment.now.us - events.back().ts.us) /
                                       (3600.0 * kSecondUs));
}

}  // namespace

Feature user_recency_h() {
  return {.spec = {.name = "user_recency_h",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "hours",
                   .default_value = "1000000",
                   .version = 1,
                   .sentence = "Hours since the user's newest event that says something about "
                               "taste."},
          .read = read};
}

}  // namespace palate::defined
