#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  out.at(0) = static_cast<float>(in.derived.sessions.dwell_s);
}

}  // namespace

Feature session_dwell_s() {
  return {.spec = {.name = "session_dwell_s",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "of value",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "The sum of the values of the session's events: seconds watched, "
                               "where values are that."},
          .read = read};
}

}  // namespace palate::defined
