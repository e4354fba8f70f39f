#include "simulate/simulate_config.h"

#include <cmath>
#include <vector>

#include "base/time.h"

namespace palate {
namespace {

using Config = SimulateConfig;

void size_fields(FieldVisitor<Config>& field) {
  field("seed", &Config::seed, {.min = 0}, "One seed gives one world.");
  field("users", &Config::users, {.min = 1, .max = 1e8},
        "People of the world; not all are there from the first day.");
  field("items", &Config::items, {.min = 1, .max = 1e7}, "Titles in the catalogue.");
  field("days", &Config::days, {.min = 1, .max = 3650, .unit = "days"}, "How long the world runs.");
  field("start", &Config::start, {}, "The first moment, RFC 3339.");
  field("sessions_per_user", &Config::sessions_per_user, {.min = 0.01, .max = 1000},
        "Visits of a user who stays from the first day to the last, on average.");
  field("activity_spread", &Config::activity_spread, {.min = 0, .max = 3},
        "Sigma of the log-normal number of visits.");
  field("popularity_spread", &Config::popularity_spread, {.min = 0, .max = 3},
        "Sigma of the log-normal popularity of items.");
  field("slots", &Config::slots, {.min = 1, .max = 100}, "Items shown on one page.");
  field("random_share", &Config::random_share, {.min = 0, .max = 1},
        "Visits whose pages are drawn uniformly; their context says \"randomized\".");
}

void choice_fields(FieldVisitor<Config>& field) {
  field("position_bias", &Config::position_bias, {.min = 0, .max = 5},
        "Slot s is looked at with probability (s + 1)^-position_bias.");
  field("trust_bias", &Config::trust_bias, {.min = 0, .max = 0.9},
        "Probability that what does not attract is clicked all the same in the first slot, because "
        "it is first.");
  field("popularity_bias", &Config::popularity_bias, {.min = 0, .max = 3},
        "How much more a popular item attracts than one that is liked as much.");
  field("clickbait", &Config::clickbait, {.min = 0, .max = 3},
        "How much some items promise more than they keep.");
  field("mood", &Config::mood, {.min = 0, .max = 1},
        "How far one of a user's tastes rules a visit; 0: all of them mixed.");
  field("repeat_share", &Config::repeat_share, {.min = 0, .max = 1},
        "Visits that begin with an item the user knows or the next part of its series.");
  field("rating_share", &Config::rating_share, {.min = 0, .max = 1},
        "Watched items that are rated, 1 to 5.");
  field("survey_share", &Config::survey_share, {.min = 0, .max = 1},
        "Watched items after which the user answers how satisfied he is, 1 to 5.");
}

void time_fields(FieldVisitor<Config>& field) {
  field("drift_share", &Config::drift_share, {.min = 0, .max = 1},
        "Users whose tastes become others on a day of their own.");
  field("launch_share", &Config::launch_share, {.min = 0, .max = 1},
        "Items released while the world runs.");
  field("breakout_share", &Config::breakout_share, {.min = 0, .max = 1},
        "Items that become hits at a moment of their own.");
  field("series_share", &Config::series_share, {.min = 0, .max = 1},
        "Titles that are series of 2 to 9 parts.");
  field("season_strength", &Config::season_strength, {.min = 0, .max = 3},
        "How much categories attract more in their season.");
  field("weekend_boost", &Config::weekend_boost, {.min = -1, .max = 5},
        "Share of visits that Saturdays and Sundays have more.");
  field("newcomer_share", &Config::newcomer_share, {.min = 0, .max = 1},
        "Users who sign up while the world runs, sooner where people are served well.");
  field("churn_per_visit", &Config::churn_per_visit, {.min = 0, .max = 1},
        "Probability that a user served as is usual leaves for good after a visit.");
}

void attack_fields(FieldVisitor<Config>& field) {
  field("farm_share", &Config::farm_share, {.min = 0, .max = 0.9},
        "Click farms that push one item: their share of events while the attack lasts. The "
        "accounts come on top of `users`.");
  field("bomber_share", &Config::bomber_share, {.min = 0, .max = 0.9},
        "The same of accounts that rate a good item 1.");
  field("sleeper_share", &Config::sleeper_share, {.min = 0, .max = 0.9},
        "The same of accounts that behave like people until the attack.");
  field("flood_share", &Config::flood_share, {.min = 0, .max = 0.9},
        "The same of accounts that sign up in a few hours, push once and are gone.");
  field("attack_from", &Config::attack_from, {.min = 0, .max = 1},
        "When attacks begin, as a share of the days.");
  field("attack_to", &Config::attack_to, {.min = 0, .max = 1}, "When attacks end.");
}

}  // namespace

void SimulateConfig::fields(FieldVisitor<SimulateConfig>& field) {
  size_fields(field);
  choice_fields(field);
  time_fields(field);
  attack_fields(field);
}

Status SimulateConfig::check() const {
  SimulateConfig copy = *this;
  std::vector<Field> all;
  FieldVisitor<SimulateConfig> visitor("simulate", copy, all);
  fields(visitor);
  for (const Field& field : all) {
    const FieldValue value = field.get();
    if (const auto* number = std::get_if<double>(&value); number && !std::isfinite(*number))
      return fail(Code::kInvalidArgument, "{} is not a number", field.name());
    TRY(set_field(field, value, "the world's config"));
  }
  TRY(parse_rfc3339(start));
  if (attack_from > attack_to) {
    return fail(
        Code::kInvalidArgument,
        "simulate.attack_from is {} and simulate.attack_to {}: attacks end after they begin",
        attack_from, attack_to);
  }
  if (farm_share + bomber_share + sleeper_share + flood_share > 0.9) {
    return fail(Code::kInvalidArgument,
                "simulate.farm_share, bomber_share, sleeper_share and flood_share come to {} "
                "together; at most 0.9",
                farm_share + bomber_share + sleeper_share + flood_share);
  }
  return {};
}

}  // namespace palate
