// How examples are made out of a log: [examples].
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/ids.h"
#include "events/event_types.h"

namespace palate {

struct ExamplesConfig {
  std::vector<std::string> objectives = {"click:1h"};
  std::vector<std::string> features;
  int history = 50;
  int vocabulary_min = 3;
  std::string rare = "shared";
  int64_t rare_rows = 1000;
  int rare_min = 2;
  int expire_days = 0;
  double negatives = 1;
  int sampled_negatives = 0;
  double held_out = 0.1;
  bool incremental = false;
  double replay = 0.1;
  double incremental_rate = 0.3;
  std::string position = "ignore";
  bool response_weights = false;
  int64_t shard_rows = 1'000'000;

  static void fields(FieldVisitor<ExamplesConfig>& field);
};

// What may follow an impression: a label of the examples.
struct Objective {
  std::string name;  // of the event type
  EventTypeId type;
  int64_t window_us = 0;  // after the impression
  double least = 0;       // of the event's value; NaN: any that says that it was liked
};

// "click:1h", "watch:1d:30": type, window (s, m, h, d), least value. Errors: kInvalidArgument with
// the text and what does not fit.
Result<std::vector<Objective>> parse_objectives(std::span<const std::string> texts,
                                                const EventTypes& types);

}  // namespace palate
