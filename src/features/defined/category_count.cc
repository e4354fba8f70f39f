#include <algorithm>

#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments& arguments, FeatureColumn out) {
  const CountTable& categories = in.from.signals->categories();
  for (size_t i = 0; i < in.items.size(); ++i) {
    double most = 0;
    for (const uint32_t category : in.derived.traits[i].categories) {
      most = std::max(
          most, categories.read(arguments.type.value, category, arguments.half_life, in.decay));
    }
    out.at(i) = static_cast<float>(most);
  }
}

}  // namespace

Feature category_count() {
  return {.spec = {.name = "category_count",
                   .entity = Entity::kItem,
                   .type = "float",
                   .unit = "events",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "Events of a type about the items of the candidate's largest "
                               "category, each halved per half-life."},
          .by_type = true,
          .by_half_life = true,
          .needs_flag = &FeatureConfig::counters,
          .read = read};
}

}  // namespace palate::defined
