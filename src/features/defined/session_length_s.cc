#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  out.at(0) = static_cast<float>(static_cast<double>(in.derived.sessions.length_us) / kSecondUs);
}

}  // namespace

Feature session_length_s() {
  return {.spec = {.name = "session_length_s",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "seconds",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "From the first event of the session that is going on to its last."},
          .read = read};
}

}  // namespace palate::defined
