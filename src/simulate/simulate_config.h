// [simulate]: the parameters of a world. docs/world.md tells the story that they belong to.
#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"
#include "base/result.h"

namespace palate {

struct SimulateConfig {
  uint64_t seed = 1;
  int64_t users = 5000;
  int64_t items = 2000;
  int64_t days = 30;
  std::string start = "2026-01-01T00:00:00Z";
  double sessions_per_user = 6;
  double activity_spread = 0.9;
  int64_t slots = 10;
  double random_share = 0.1;
  // What a click depends on.
  double position_bias = 0.7;
  double trust_bias = 0.05;
  double popularity_bias = 0.3;
  double clickbait = 0.5;
  double mood = 0.7;
  double repeat_share = 0.8;
  double rating_share = 0.05;
  double survey_share = 0.02;
  // What changes with time.
  double drift_share = 0.2;
  double launch_share = 0.1;
  double breakout_share = 0.002;
  double series_share = 0.2;
  double season_strength = 0.3;
  double weekend_boost = 0.3;
  double newcomer_share = 0.2;
  double churn_per_visit = 0.02;
  double popularity_spread = 1.0;
  // Who means ill.
  double farm_share = 0;
  double bomber_share = 0;
  double sleeper_share = 0;
  double flood_share = 0;
  double attack_from = 0.4;
  double attack_to = 0.8;

  static void fields(FieldVisitor<SimulateConfig>& field);
  // What ranges of single fields cannot say, for configs that no schema has checked too. Errors:
  // kInvalidArgument with the field's name.
  [[nodiscard]] Status check() const;
};

}  // namespace palate
