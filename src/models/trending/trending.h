// Trending: what is had more lately than it used to be. A list for everybody, as popularity; an
// artefact of its own is served by popularity's code.
#pragma once

#include <memory>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct TrendingConfig {
  double recent_half_life_s = 86'400.0;
  double usual_half_life_s = 14 * 86'400.0;
  double lift_power = 1.0;
  double prior_events = 5.0;

  static void fields(FieldVisitor<TrendingConfig>& field);
};

Result<std::unique_ptr<Model>> load_trending(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
