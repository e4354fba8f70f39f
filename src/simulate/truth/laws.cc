#include "simulate/truth/laws.h"

#include <cmath>
#include <numbers>

#include "simulate/words.h"

namespace palate {
namespace {

constexpr double kYearDays = 365.2425;
constexpr double kCreatorLogit = 0.8, kForeignLogit = 1.0, kBuzzLogit = 1.5;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

Laws::Laws(const SimulateConfig& config, const ItemCatalogue& items, const People& people,
           int64_t start_us)
    : config_(config),
      items_(items),
      people_(people),
      start_day_of_year_(std::fmod(static_cast<double>(start_us) / double(kDayUs), kYearDays)) {
  for (size_t s = 0; s < theta_.size(); ++s)
    theta_[s] = std::pow(static_cast<double>(s) + 1, -config.position_bias);
}

double Laws::examination(int slot) const { return theta_[static_cast<size_t>(slot)]; }
double Laws::alpha(int slot) const {
  return examination(slot) * (1 - config_.trust_bias / (slot + 1));
}
double Laws::beta(int slot) const { return examination(slot) * config_.trust_bias / (slot + 1); }

double Laws::season(uint32_t category, double day) const {
  const double phase = static_cast<double>(category) / double(category_words().size());
  const double year = (start_day_of_year_ + day) / kYearDays;
  return config_.season_strength * std::cos(2 * std::numbers::pi * (year - phase));
}

Viewer Laws::viewer(uint32_t user, const PersonTastes& tastes, size_t mood, double day) const {
  const UserNature& nature = people_.natures()[user];
  const auto rule = static_cast<float>(config_.mood);
  Viewer viewer;
  for (size_t d = 0; d < kTasteDims; ++d) {
    float mix = 0;
    for (size_t k = 0; k < kMoods; ++k) mix += kMoodShares[k] * tastes.moods[k][d];
    viewer.taste[d] = rule * tastes.moods[mood][d] + (1 - rule) * mix;
  }
  for (uint32_t c = 0; c < category_words().size(); ++c)
    viewer.season[c] = static_cast<float>(season(c, day));
  viewer.creator = tastes.creator;
  viewer.language = kRegions[nature.region].language;
  viewer.second_language = nature.second_language;
  viewer.day = day;
  return viewer;
}

// What the user likes of it whatever its quality: the common part of attraction and satisfaction.
double Laws::fit(const Viewer& viewer, const ItemNature& item) const {
  float product = 0;
  for (size_t d = 0; d < kTasteDims; ++d) product += viewer.taste[d] * item.vector[d];
  double logit = 4.0 * product;
  if (item.creator == viewer.creator) logit += kCreatorLogit;
  if (item.language != viewer.language && item.language != viewer.second_language)
    logit -= kForeignLogit;
  return logit;
}

double Laws::attraction(const Viewer& viewer, uint32_t item) const {
  const ItemNature& nature = items_.natures()[item];
  double logit = -2.6 + fit(viewer, nature) + 0.3 * nature.quality +
                 config_.clickbait * nature.bait + config_.popularity_bias * nature.popularity +
                 viewer.season[nature.category];
  if (nature.hit_day != kNeverDay) logit += kBuzzLogit * items_.buzz(item, viewer.day);
  return sigmoid(logit);
}

double Laws::satisfaction(const Viewer& viewer, uint32_t item) const {
  const ItemNature& nature = items_.natures()[item];
  const double disappointment = config_.clickbait * std::max(0.0F, nature.bait);
  return sigmoid(-1.2 + 0.8 * fit(viewer, nature) + 1.0 * nature.quality - 1.5 * disappointment);
}

double Laws::attraction_of(uint32_t user, uint32_t item, double day) const {
  const PersonTastes tastes = people_.tastes(user, day);
  double mean = 0;
  for (size_t k = 0; k < kMoods; ++k)
    mean += kMoodShares[k] * attraction(viewer(user, tastes, k, day), item);
  return mean;
}

double Laws::satisfaction_of(uint32_t user, uint32_t item, double day) const {
  const PersonTastes tastes = people_.tastes(user, day);
  double mean = 0;
  for (size_t k = 0; k < kMoods; ++k)
    mean += kMoodShares[k] * satisfaction(viewer(user, tastes, k, day), item);
  return mean;
}

double Laws::churn(double served) const {
  return std::min(1.0, config_.churn_per_visit * std::exp(-5 * (served - kServedUsual)));
}

}  // namespace palate
