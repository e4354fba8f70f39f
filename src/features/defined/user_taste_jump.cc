#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  out.at(0) = static_cast<float>(taste_jump(in.derived.events, *in.from.items));
}

}  // namespace

Feature user_taste_jump() {
  return {.spec = {.name = "user_taste_jump",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "How far the ten newest likes lie from those before, 0 to 1: one "
                               "less the cosine of their categories."},
          .read = read};
}

}  // namespace palate::defined
