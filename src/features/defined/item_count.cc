#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments& arguments, FeatureColumn out) {
  const CountColumn counts = in.from.signals->items().column(arguments.type.value);
  for (size_t i = 0; i < in.items.size(); ++i) {
    counts.fetch_ahead(in.items, i);
    out.at(i) = static_cast<float>(counts.read(in.items[i].value, arguments.half_life, in.decay));
  }
}

}  // namespace

Feature item_count() {
  return {.spec = {.name = "item_count",
                   .entity = Entity::kItem,
                   .type = "float",
                   .unit = "events",
                   .default_value = "0",
                   .version = 1,
                   .sentence = "The item's events of a type, each halved per half-life, weighed "
                               "by trust."},
          .by_type = true,
          .by_half_life = true,
          .needs_flag = &FeatureConfig::counters,
          .read = read};
}

}  // namespace palate::defined
