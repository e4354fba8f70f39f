#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments& arguments, FeatureColumn out) {
  const CountTable& creators = in.from.signals->creators();
  for (size_t i = 0; i < in.items.size(); ++i) {
    const uint32_t creator = in.derived.traits[i].creator;
    out.at(i) = static_cast<float>(
        creators.read(arguments.type.value, creator, arguments.half_life, in.decay));
  }
}

}  // namespace

Feature creator_count() {
  return {.spec = {.name = "creator_count",
                   .entity = Entity::kItem,
                   .type = "float",
                   .unit = "events",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "Events of a type about the items of the candidate's creator, each "
                               "halved per half-life."},
          .by_type = true,
          .by_half_life = true,
          .needs_flag = &FeatureConfig::counters,
          .read = read};
}

}  // namespace palate::defined
