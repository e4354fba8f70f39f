#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  out.at(0) = static_cast<float>(in.derived.tastes.entropy_bits());
}

}  // namespace

Feature user_entropy_bits() {
  return {.spec = {.name = "user_entropy_bits",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "bits",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "How widely taste is spread: the entropy of the categories of what "
                               "the user likes, newer likes weighing more."},
          .read = read};
}

}  // namespace palate::defined
