#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  for (size_t i = 0; i < in.items.size(); ++i) {
    out.at(i) = in.derived.tastes.creator(in.derived.traits[i]);
  }
}

}  // namespace

Feature user_creator() {
  return {.spec = {.name = "user_creator",
                   .entity = Entity::kPair,
                   .type = "float",
                   .unit = "share",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "The share of what the user likes that is by the candidate's "
                               "creator, likes halved every thirty days."},
          .read = read};
}

}  // namespace palate::defined
