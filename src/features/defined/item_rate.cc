#include <algorithm>

#include "features/defined/features.h"

namespace palate::defined {
namespace {

void read(const FeatureInput& in, const FeatureArguments& arguments, FeatureColumn out) {
  constexpr double kPriorImpressions = 20;
  const auto& items = in.from.signals->items();
  const auto& all = in.from.signals->all();
  const EventTypes& types = *in.from.types;
  std::vector<uint16_t> shown;
  for (uint16_t t = 0; t < types.size(); ++t) {
    if (types.at({t}).role == Role::kExposure) shown.push_back(t);
  }
  const auto exposures = [&](const CountTable& table, size_t row) {
    double sum = 0;
    for (const uint16_t t : shown) sum += table.read(t, row, arguments.half_life, in.decay);
    return sum;
  };
  const double mean = all.read(arguments.type.value, 0, arguments.half_life, in.decay) /
                      std::max(exposures(all, 0), kPriorImpressions);
  const CountColumn events = items.column(arguments.type.value);
  for (size_t i = 0; i < in.items.size(); ++i) {
    const size_t row = in.items[i].value;
    events.fetch_ahead(in.items, i);
    const double count = events.read(row, arguments.half_life, in.decay);
    out.at(i) = static_cast<float>((count + mean * kPriorImpressions) /
                                   (exposures(items, row) + kPriorImpressions));
  }
}

}  // namespace

Feature item_rate() {
  return {.spec = {.name = "item_rate",
                   .entity = Entity::kItem,
                   .type = "float",
                   .unit = "events an impression",
                   .default_value = "the mean of all items",
                   .version = 1,
                   .sentence = "Events of a type by impressions (of every exposure type), both "
                               "halved per half-life, smoothed with twenty impressions at the "
                               "mean of all items."},
          .by_type = true,
          .by_half_life = true,
          .needs_flag = &FeatureConfig::counters,
          .read = read};
}

}  // namespace palate::defined
