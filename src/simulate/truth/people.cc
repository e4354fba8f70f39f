#include "simulate/truth/people.h"

#include <cmath>

#include "simulate/truth/streams.h"
#include "simulate/words.h"

namespace palate {
namespace {

constexpr std::string_view kAgeBands[] = {"18-24", "25-34", "35-49", "50-64", "65+"};
constexpr float kUserNoise = 0.12F;

UserNature draw_user(const SimulateConfig& config, uint32_t user) {
  Philox random = stream(config.seed, Draw::kUser, user);
  const double spread = config.activity_spread;
  UserNature nature;
  nature.activity = static_cast<float>(std::exp(spread * random.normal() - spread * spread / 2));
  nature.region = static_cast<uint8_t>(random.below(std::size(kRegions)));
  const double languages = random.uniform();
  nature.second_language = languages < 0.3
                               ? static_cast<uint8_t>(random.below(std::size(kLanguages)))
                               : kRegions[nature.region].language;
  nature.patience = static_cast<float>(-1.15 + 1.4 * random.normal());
  nature.signup_day = -365 * static_cast<float>(random.uniform());
  const double drift = random.uniform(), drift_at = random.uniform();
  if (drift < config.drift_share)
    nature.drift_day = static_cast<float>((0.25 + 0.5 * drift_at) * double(config.days));
  return nature;
}

}  // namespace

People::People(const SimulateConfig& config, std::vector<Malice> attackers)
    : seed_(config.seed), honest_(static_cast<size_t>(config.users)) {
  residents_ = honest_ - static_cast<size_t>(double(honest_) * config.newcomer_share);
  natures_.reserve(honest_ + attackers.size());
  for (size_t u = 0; u < honest_ + attackers.size(); ++u) {
    natures_.push_back(draw_user(config, static_cast<uint32_t>(u)));
    if (u >= honest_) natures_.back().malice = attackers[u - honest_];
  }
  for (uint32_t c = 0; c < category_words().size(); ++c) topics_.push_back(topic_vector(seed_, c));
}

PersonTastes People::tastes(uint32_t user, double day) const {
  const bool later = day >= natures_[user].drift_day;
  Philox random = stream(seed_, later ? Draw::kLaterTaste : Draw::kTaste, user);
  PersonTastes tastes;
  tastes.creator = random.below(creators_count());
  for (size_t k = 0; k < kMoods; ++k) {
    tastes.topics[k] = static_cast<uint8_t>(random.below(static_cast<uint32_t>(topics_.size())));
    tastes.moods[k] = near_vector(random, topics_[tastes.topics[k]], kUserNoise);
  }
  return tastes;
}

UserRecord People::record(uint32_t user) const {
  Philox random = stream(seed_, Draw::kUser, user, 1);
  const Region& region = kRegions[natures_[user].region];
  UserRecord record;
  record.id = numbered_id('u', user);
  record.region = region.code;
  record.language = kLanguages[region.language];
  record.age_band = kAgeBands[random.below(std::size(kAgeBands))];
  return record;
}

}  // namespace palate
