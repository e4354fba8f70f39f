#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  out.at(0) = static_cast<float>(in.derived.sessions.events);
}

}  // namespace

Feature session_events() {
  return {.spec = {.name = "session_events",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "events",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "The place in the session: events of the one that is going on, 0 "
                               "when the last one is over."},
          .read = read};
}

}  // namespace palate::defined
