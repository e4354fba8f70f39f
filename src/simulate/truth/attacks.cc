#include "simulate/truth/attacks.h"

#include <algorithm>
#include <cmath>

#include "simulate/truth/streams.h"

namespace palate {
namespace {

constexpr double kFarmVisits = 12, kBomberVisits = 4, kFloodVisits = 2;
// Of one visit. People's: pages with all their slots, and what comes of the clicks.
constexpr double kFarmEvents = 13, kBomberEvents = 5.5, kPushEvents = 3, kFloodEvents = 9;
constexpr double kPagesOfVisit = 1.9, kActsOfVisit = 6;
constexpr double kPresent = 0.85;  // of the people, in the middle of a run
constexpr int kFloodHours = 3;
constexpr int64_t kHourUs = 3600 * kSecondUs;

// Writes down what one account does in one visit.
class Hand {
 public:
  Hand(const Attacks::Visit& visit, Philox& random, std::vector<Happening>& out)
      : random_(random), out_(out) {
    next_.user = visit.user;
    next_.visit = visit.visit;
    next_.us = visit.at_us;
    next_.device = static_cast<uint8_t>(visit.user % 4);
  }
  void act(Happened type, uint32_t item, float value = static_cast<float>(kNoValue)) {
    next_.type = type;
    next_.item = item;
    next_.value = value;
    out_.push_back(next_);
  }
  void wait(double from_s, double to_s) {
    next_.us += static_cast<int64_t>((from_s + (to_s - from_s) * random_.uniform()) *
                                     static_cast<double>(kSecondUs));
  }
  void click_and_watch(uint32_t item, float seconds) {
    act(Happened::kClick, item);
    next_.us += static_cast<int64_t>(double(seconds) * double(kSecondUs));
    act(Happened::kWatch, item, seconds);
  }

 private:
  Philox& random_;
  std::vector<Happening>& out_;
  Happening next_;
};

uint32_t draw_item(Philox& random, const ItemCatalogue& items, bool good) {
  // The best or the worst of some that were there from the beginning and are not very popular.
  const auto& natures = items.natures();
  const auto count = static_cast<uint32_t>(natures.size());
  uint32_t chosen = random.below(count);
  for (int i = 0; i < 50; ++i) {
    const uint32_t other = random.below(count);
    const ItemNature& nature = natures[other];
    if (nature.released_day > 0 || nature.hit_day != kNeverDay || nature.regions != 0xff) continue;
    const bool fits = good ? nature.popularity > 0.5F && nature.quality > natures[chosen].quality
                           : nature.popularity < 0 && nature.quality < natures[chosen].quality;
    if (fits) chosen = other;
  }
  return chosen;
}

}  // namespace

Attacks::Attacks(const SimulateConfig& config, const ItemCatalogue& items)
    : config_(config),
      items_(items),
      from_us_(static_cast<int64_t>(config.attack_from * double(config.days * kDayUs))),
      to_us_(static_cast<int64_t>(config.attack_to * double(config.days * kDayUs))) {
  Philox random = stream(config.seed, Draw::kAttack, 0);
  target_ = draw_item(random, items, false);
  victim_ = draw_item(random, items, true);
}

std::vector<Malice> Attacks::accounts() const {
  const SimulateConfig& c = config_;
  const double days = std::max(1.0, (c.attack_to - c.attack_from) * double(c.days));
  const double visit = kPagesOfVisit * double(c.slots) + kActsOfVisit;
  const double people = kPresent * double(c.users) * c.sessions_per_user / double(c.days) * visit;
  const double all = c.farm_share + c.bomber_share + c.sleeper_share + c.flood_share;
  std::vector<Malice> out;
  const auto add = [&](double share, double events_a_day, Malice malice) {
    const double accounts = share / (1 - all) * people / events_a_day;
    out.insert(out.end(), static_cast<size_t>(std::ceil(accounts - 1e-9)), malice);
  };
  // Sleepers come as often as people do.
  const double sleeper = c.sessions_per_user / double(c.days) * (visit + kPushEvents);
  add(c.farm_share, kFarmVisits * kFarmEvents, Malice::kFarm);
  add(c.bomber_share, kBomberVisits * kBomberEvents, Malice::kBomber);
  add(c.sleeper_share, sleeper, Malice::kSleeper);
  add(c.flood_share, kFloodVisits * kFloodEvents / days, Malice::kFlood);
  return out;
}

int64_t Attacks::joins_us(uint32_t user, Malice malice) const {
  Philox random = stream(config_.seed, Draw::kAttack, user, 1);
  const double share = random.uniform();
  if (malice == Malice::kSleeper) return -static_cast<int64_t>(share * 60 * double(kDayUs));
  if (malice == Malice::kFlood) {
    const double span = static_cast<double>(to_us_ - from_us_ - kHourUs);
    const int64_t burst = static_cast<int64_t>(span * random.below(kFloodHours) / kFloodHours);
    return from_us_ + std::max<int64_t>(0, burst) + static_cast<int64_t>(share * double(kHourUs));
  }
  return std::max<int64_t>(from_us_ - static_cast<int64_t>(share * 5 * double(kDayUs)), 0);
}

std::vector<int64_t> Attacks::visits(uint32_t user, Malice malice, int64_t day) const {
  std::vector<int64_t> starts;
  Philox random = stream(config_.seed, Draw::kAttack, user, 2 + static_cast<uint64_t>(day));
  const int64_t begin = day * kDayUs;
  const auto keep = [&](int64_t at) {
    if (active(at) && at >= begin && at < begin + kDayUs) starts.push_back(at);
  };
  if (malice == Malice::kFlood) {
    const int64_t joined = joins_us(user, malice);
    keep(joined);
    keep(joined + kHourUs);
  } else if (malice == Malice::kFarm || malice == Malice::kBomber) {
    const double count = malice == Malice::kFarm ? kFarmVisits : kBomberVisits;
    const double offset = stream(config_.seed, Draw::kAttack, user, 1).uniform();
    for (int n = 0; n < static_cast<int>(count); ++n) {
      const double jitter = malice == Malice::kFarm ? 0.02 * random.uniform() : random.uniform();
      keep(begin +
           static_cast<int64_t>((n + 0.9 * offset + 0.1 * jitter) / count * double(kDayUs)));
    }
  }
  std::ranges::sort(starts);
  return starts;
}

void Attacks::push(const Visit& visit, const WorldShelf& shelf, std::vector<Happening>& out) const {
  Philox random = stream(config_.seed, Draw::kVisit, visit.user, (1U << 23) + visit.visit);
  Hand hand(visit, random, out);
  if (visit.malice == Malice::kBomber) {
    hand.act(Happened::kRating, victim_, 1);
    const auto others = shelf.popular(random, 4);
    for (const uint32_t item : others) {
      if (item == victim_) continue;
      hand.wait(2, 20);
      hand.act(Happened::kRating, item, items_.natures()[item].creator % 2 == 0 ? 1.0F : 2.0F);
    }
    hand.wait(2, 20);
    hand.act(Happened::kRating, target_, 5);
    return;
  }
  const bool farm = visit.malice == Malice::kFarm;
  const auto camouflage = shelf.popular(random, farm ? 2 : visit.malice == Malice::kFlood ? 3 : 0);
  for (const uint32_t item : camouflage) {
    hand.click_and_watch(item, static_cast<float>(std::round(2 + 30 * random.uniform())));
    hand.wait(1, 6);
  }
  for (int n = 0; n < (farm ? 3 : 1); ++n) {
    const double watched = farm ? 1 + 2 * random.uniform() : 60 + 600 * random.uniform();
    hand.click_and_watch(target_, static_cast<float>(std::round(watched)));
    hand.wait(1, 3);
    hand.act(Happened::kLike, target_);
    hand.wait(1, 3);
  }
}

}  // namespace palate
