#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments&, FeatureColumn out) {
  const std::vector<double> values = in.from.popularity->read(in.items, in.moment.now);
  for (size_t i = 0; i < values.size(); ++i) out.at(i) = static_cast<float>(values[i]);
}

}  // namespace

Feature item_popularity() {
  return {.spec = {.name = "item_popularity",
                   .entity = Entity::kItem,
                   .type = "float",
                   .unit = "weight",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "Weights of the item's likes, each halved every seven days."},
          .read = read};
}

}  // namespace palate::defined
