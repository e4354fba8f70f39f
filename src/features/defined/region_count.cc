#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments& arguments, FeatureColumn out) {
  const RegionIx region = in.from.signals->region(in.moment.region);
  out.at(0) = static_cast<float>(
      in.from.signals->regions().read(arguments.type.value, region, arguments.half_life, in.decay));
}

}  // namespace

Feature region_count() {
  return {.spec = {.name = "region_count",
                   .entity = Entity::kUser,
                   .type = "float",
                   .unit = "events",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "Events of a type from the region of the request (else of the "
                               "user's profile), each halved per half-life."},
          .by_type = true,
          .by_half_life = true,
          .needs_flag = &FeatureConfig::counters,
          .read = read};
}

}  // namespace palate::defined
