#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  out.at(0) = static_cast<float>(in.derived.sessions.count);
}

}  // namespace

Feature user_sessions() {
  return {.spec = {.name = "user_sessions",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "sessions",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "Sessions in the history; a pause of thirty minutes ends one."},
          .read = read};
}

}  // namespace palate::defined
