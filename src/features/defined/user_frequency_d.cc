#include <algorithm>

#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  const auto& events = in.derived.events;
  if (events.empty()) {
    out.at(0) = 0;
    return;
  }
  const auto us = static_cast<double>(in.moment.now.us - events.front().ts.us);
  out.at(0) = static_cast<float>(static_cast<double>(events.size()) /
                                 std::max(us / static_cast<double>(kDayUs), 1.0));
}

}  // namespace

Feature user_frequency_d() {
  return {.spec = {.name = "user_frequency_d",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "events a day",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "Events in the history by the days that it spans, at least one."},
          .read = read};
}

}  // namespace palate::defined
