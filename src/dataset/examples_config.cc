#include "dataset/examples_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/near_names.h"
#include "base/split.h"
#include "base/time.h"
#include "events/number_text.h"

namespace palate {
namespace {

// "90s", "30m", "1h", "7d"; at most a year.
std::optional<int64_t> window_of(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end + 1 != text.data() + text.size() || number < 1) return {};
  constexpr int64_t kMost = 365 * kDayUs;
  int64_t unit = 0;
  switch (*end) {
    case 's':
      unit = kSecondUs;
      break;
    case 'm':
      unit = 60 * kSecondUs;
      break;
    case 'h':
      unit = 3600 * kSecondUs;
      break;
    case 'd':
      unit = kDayUs;
      break;
    default:
      return {};
  }
  if (number > kMost / unit) return {};
  return number * unit;
}

}  // namespace

void ExamplesConfig::fields(FieldVisitor<ExamplesConfig>& field) {
  field("objectives", &ExamplesConfig::objectives, {},
        "What may follow an impression and is learnt: type:window, or type:window:least value "
        "(click:1h, watch:1d:30)");
  field("features", &ExamplesConfig::features, {},
        "Names of features that are read as of the impression; none: all that [features] keeps");
  field("history", &ExamplesConfig::history, {.min = 0, .max = 500, .unit = "items"},
        "Of what the user liked last");
  field("vocabulary_min", &ExamplesConfig::vocabulary_min, {.min = 1, .max = 1e9},
        "An item, creator, tag … has a row of its own from so many impressions on; the rest are "
        "rare");
  field("rare", &ExamplesConfig::rare,
        {.one_of = {"shared", "hashed", "quotient_remainder", "narrow"}},
        "What rare ids read: one row for all; one of rare_rows by their hash; the sum of two of "
        "rare_rows (of histories and of bags one, by hash); or a row of their own of "
        "ranker.narrow_width, projected up (of histories the one for all)");
  field("rare_rows", &ExamplesConfig::rare_rows, {.min = 1, .max = 1 << 30, .unit = "rows"},
        "Of a table, that rare ids share; never more than there are rare ids, rounded up to a "
        "power of two");
  field("rare_min", &ExamplesConfig::rare_min, {.min = 1, .max = 1e9},
        "Impressions from which on a rare id has a narrow row of its own");
  field("expire_days", &ExamplesConfig::expire_days, {.min = 0, .max = 36500, .unit = "days"},
        "What was not shown for so long gives up its row, however often it was before; 0: never");
  field("negatives", &ExamplesConfig::negatives, {.min = 0.0001, .max = 1},
        "Share of impressions without any outcome that is kept; each then weighs 1 / share, so "
        "that probabilities stay what they are");
  field("sampled_negatives", &ExamplesConfig::sampled_negatives, {.min = 0, .max = 1000},
        "Beside an outcome that answers no impression, so many random items count as shown; 0: "
        "such outcomes are left out");
  field("held_out", &ExamplesConfig::held_out, {.min = 0.001, .max = 0.9},
        "Share of impressions, the newest, that training stops and calibrates by");
  field("incremental", &ExamplesConfig::incremental, {},
        "Go on from the last released ranker: learn what was shown since, and a share of what was "
        "shown before; where its network is another one, all of it is learnt anew");
  field("replay", &ExamplesConfig::replay, {.min = 0, .max = 1},
        "Share of what was learnt before that is learnt again with incremental, drawn anew each "
        "time");
  field("incremental_rate", &ExamplesConfig::incremental_rate, {.min = 1e-3, .max = 1},
        "What training's rates are multiplied by with incremental: large steps on what is new undo "
        "what is known");
  field("position", &ExamplesConfig::position,
        {.one_of = {"ignore", "feature", "examination", "em"}},
        "What becomes of the place in the slate: feature reads it while training and holds it at "
        "the first place while serving; examination divides labels by how often the place is "
        "looked at, as randomized slates tell; em does by what all slates tell");
  field("response_weights", &ExamplesConfig::response_weights, {},
        "Weighs what the old ranker chose so that each place has the responses that randomized "
        "slates have there");
  field("shard_rows", &ExamplesConfig::shard_rows, {.min = 1000, .max = 1e9, .unit = "rows"},
        "Of a file of examples; one is in memory at a time");
}

Result<std::vector<Objective>> parse_objectives(std::span<const std::string> texts,
                                                const EventTypes& types) {
  std::vector<Objective> objectives;
  for (const std::string& text : texts) {
    const auto parts = split(text, ':');
    Objective one;
    one.name = parts.front();
    const auto type = types.find(one.name);
    if (!type) {
      std::vector<std::string> known;
      for (size_t t = 0; t < types.size(); ++t) {
        known.push_back(types.at({static_cast<uint16_t>(t)}).name);
      }
      return fail(Code::kInvalidArgument, "examples.objectives: there is no event type '{}'{}",
                  one.name, did_you_mean(one.name, known));
    }
    one.type = *type;
    const auto window = parts.size() > 1 ? window_of(parts[1]) : std::nullopt;
    one.least = std::numeric_limits<double>::quiet_NaN();
    bool fits = window && parts.size() <= 3;
    if (fits && parts.size() == 3) {
      one.least = parse_real(parts[2]).value_or(one.least);
      fits = std::isfinite(one.least);
    }
    if (!fits) {
      return fail(Code::kInvalidArgument,
                  "examples.objectives: '{}' must be type:window or type:window:least value, like "
                  "click:1h or watch:1d:30; a window is at most 365d",
                  text);
    }
    one.window_us = *window;
    if (types.at(one.type).role == Role::kExposure) {
      return fail(Code::kInvalidArgument, "examples.objectives: '{}' is what is shown, no outcome",
                  one.name);
    }
    if (std::ranges::find(objectives, one.name, &Objective::name) != objectives.end()) {
      return fail(Code::kInvalidArgument, "examples.objectives names '{}' twice", one.name);
    }
    objectives.push_back(std::move(one));
  }
  if (objectives.empty()) {
    return fail(Code::kInvalidArgument, "examples.objectives is empty: there is nothing to learn");
  }
  return objectives;
}

}  // namespace palate
