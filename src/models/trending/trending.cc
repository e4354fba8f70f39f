#include "models/trending/trending.h"

#include <utility>

#include "models/popularity/popularity.h"

namespace palate {

void TrendingConfig::fields(FieldVisitor<TrendingConfig>& field) {
  using C = TrendingConfig;
  field("recent_half_life_s", &C::recent_half_life_s,
        {.min = 1, .max = 1e9, .unit = "s", .tune = true, .tune_log = true},
        "What is lately: after this time an event counts half.");
  field("usual_half_life_s", &C::usual_half_life_s,
        {.min = 1, .max = 1e10, .unit = "s", .tune = true, .tune_log = true},
        "What it is compared with: the same with this, longer, time.");
  field("lift_power", &C::lift_power, {.min = 0, .max = 4, .tune = true},
        "How much the rise counts beside the number: 0 is popularity of late.");
  field("prior_events", &C::prior_events, {.min = 0.1, .max = 1e6, .unit = "events"},
        "So many events of both kinds are imagined, so that one more of a rare item is no trend.");
}

Result<std::unique_ptr<Model>> load_trending(std::shared_ptr<const Artefact> artefact) {
  return load_popularity(std::move(artefact));
}

}  // namespace palate
