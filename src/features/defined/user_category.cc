#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  for (size_t i = 0; i < in.items.size(); ++i) {
    out.at(i) = in.derived.tastes.categories(in.derived.traits[i]);
  }
}

}  // namespace

Feature user_category() {
  return {.spec = {.name = "user_category",
                   .entity = Entity::kPair,
                   .type = "float",
                   .unit = "share",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "The share of what the user likes that lies in the candidate's "
                               "categories (in the largest of them), likes halved every thirty "
                               "days."},
          .read = read};
}

}  // namespace palate::defined
