#include "simulate/truth/visit.h"

#include <algorithm>
#include <cmath>

#include "simulate/truth/streams.h"

namespace palate {
namespace {

constexpr double kKnownAttraction = 0.6;  // of what the user has watched lately
constexpr double kBuzzPull = 0.1;         // of a visit's beginning, by a hit at its height
constexpr double kJoyOfOne = 0.7;         // of an item that satisfied fully
constexpr float kForgets = 0.2F;
constexpr uint8_t kPagesMax = 100;

int64_t seconds(double s) { return static_cast<int64_t>(s * static_cast<double>(kSecondUs)); }
double between(double x, double low, double high) { return std::min(std::max(x, low), high); }

std::vector<int64_t> starts_of(const Nature& nature, uint32_t user, const PersonState& state,
                               int64_t day) {
  const UserNature& who = nature.people.natures()[user];
  if (state.left || state.joined_us == kNotYet) return {};
  if (who.malice == Malice::kNone || who.malice == Malice::kSleeper)
    return nature.calendar.visits(user, who, day, state.joined_us);
  return nature.attacks.visits(user, who.malice, day);
}

}  // namespace

Nature::Nature(const SimulateConfig& config_, TimeUs start_)
    : config(config_),
      start(start_),
      items(config),
      attacks(config, items),
      people(config, attacks.accounts()),
      laws(config, items, people, start.us),
      calendar(config, start.us) {}

UserDay::UserDay(const Nature& nature, uint32_t user, PersonState& state, int64_t day)
    : nature_(nature),
      user_(user),
      state_(state),
      end_us_((day + 1) * kDayUs),
      starts_(starts_of(nature, user, state, day)) {
  begin_visit();
}

SlateFor UserDay::slate_for() const {
  return palate::slate_for(nature_.people.natures()[user_], tastes_, randomized_);
}

// The next planned one that begins today; one that the last visit reached into begins behind it.
void UserDay::begin_visit() {
  phase_ = Phase::kOver;
  next_us_ = kNotYet;
  if (at_ == starts_.size() || state_.left) return;
  const int64_t start = std::max(starts_[at_++], state_.busy_until_us);
  if (start >= end_us_) return;
  phase_ = Phase::kArrive;
  next_us_ = start;
}

void UserDay::step(std::span<const uint32_t> slate, const WorldShelf& shelf,
                   std::vector<Happening>& out) {
  const Malice malice = nature_.people.natures()[user_].malice;
  clock_us_ = next_us_;
  if (malice != Malice::kNone && malice != Malice::kSleeper) {
    nature_.attacks.push({user_, state_.visits++, malice, clock_us_}, shelf, out);
    begin_visit();
  } else if (phase_ == Phase::kArrive) {
    arrive(out);
    phase_ = Phase::kPage;
    next_us_ = clock_us_;
    if (next_us_ >= end_us_) leave(shelf, out);
  } else {
    const double joy_before = joy_;
    show(slate, out);
    const double logit =
        double(nature_.people.natures()[user_].patience) + 2.0 * (joy_ - joy_before) - 0.05 * page_;
    clock_us_ += seconds(2 + 4 * random_.uniform());
    const bool another = random_.uniform() < 1 / (1 + std::exp(-logit));
    ++page_;
    next_us_ = clock_us_;
    if (!another || slate.empty() || clock_us_ >= end_us_ || page_ == kPagesMax) leave(shelf, out);
  }
}

void UserDay::arrive(std::vector<Happening>& out) {
  const SimulateConfig& config = nature_.config;
  random_ = stream(config.seed, Draw::kVisit, user_, state_.visits);
  const double day = static_cast<double>(clock_us_) / double(kDayUs);
  const double mood = random_.uniform(), chance = random_.uniform();
  device_ = static_cast<uint8_t>(random_.below(4));
  randomized_ = chance < config.random_share;
  tastes_ = nature_.people.tastes(user_, day);
  viewer_ = nature_.laws.viewer(user_, tastes_, mood < 0.5 ? 0 : mood < 0.8 ? 1 : 2, day);
  page_ = 0;
  joy_ = 0;
  const uint32_t item = direct_item();
  if (item == kNoSeries) return;
  Happening happening;
  happening.us = clock_us_;
  happening.item = item;
  watch(happening, out);
  clock_us_ += seconds(1);
}

// What the user comes for: the next part of a series or an item again, or a hit he has heard of.
uint32_t UserDay::direct_item() {
  const double heard = random_.uniform(), returns = random_.uniform();
  const auto released = [&](uint32_t item) {
    return nature_.items.natures()[item].released_day <= viewer_.day;
  };
  double buzz = 0;
  for (const uint32_t hit : nature_.items.hits()) {
    buzz += kBuzzPull * nature_.items.buzz(hit, viewer_.day);
    if (heard < 1 - std::exp(-buzz) && released(hit)) return hit;
  }
  if (state_.remembered == 0 || returns >= nature_.config.repeat_share) return kNoSeries;
  if (state_.liked != kNoSeries) {
    const uint32_t next = nature_.items.next_part(state_.liked);
    const double goes_on = random_.uniform();
    if (next != state_.liked && released(next) && goes_on < 0.7) return next;
    if (goes_on < 0.7) return state_.liked;
  }
  return state_.items[random_.below(state_.remembered)];
}

void UserDay::show(std::span<const uint32_t> slate, std::vector<Happening>& out) {
  Happening shown;
  shown.us = clock_us_;
  shown.user = user_;
  shown.visit = state_.visits;
  shown.page = page_;
  shown.device = device_;
  shown.randomized = randomized_;
  // A client reports them as they are drawn, some milliseconds apart; clicks come a second later.
  for (size_t s = 0; s < slate.size(); ++s) {
    shown.slot = static_cast<int16_t>(s);
    shown.item = slate[s];
    out.push_back(shown);
    shown.us += 1 + random_.below(5000);
  }
  for (size_t s = 0; s < slate.size(); ++s) {
    const int slot = static_cast<int>(s);
    double attraction = nature_.laws.attraction(viewer_, slate[s]);
    if (state_.knows(slate[s])) attraction *= kKnownAttraction;
    const double click = nature_.laws.alpha(slot) * attraction + nature_.laws.beta(slot);
    if (random_.uniform() >= click) continue;
    clock_us_ += seconds(1 + 3 * random_.uniform());
    shown.slot = static_cast<int16_t>(s);
    shown.item = slate[s];
    shown.us = clock_us_;
    watch(shown, out);
  }
}

// A click on the item and what follows from it; moves the clock on.
void UserDay::watch(Happening happening, std::vector<Happening>& out) {
  const SimulateConfig& config = nature_.config;
  happening.user = user_;
  happening.visit = state_.visits;
  happening.device = device_;
  happening.randomized = randomized_;
  const auto happen = [&](Happened type, double value = kNoValue) {
    happening.type = type;
    happening.value = static_cast<float>(value);
    happening.us = clock_us_;
    out.push_back(happening);
  };
  happen(Happened::kClick);
  const double liking = nature_.laws.satisfaction(viewer_, happening.item);
  const double felt = between(liking + 0.15 * random_.normal(), 0, 1);
  const double part = between(0.05 + 0.95 * felt + 0.1 * random_.normal(), 0.02, 1);
  const double watched_s =
      std::max(1.0, std::round(part * double(nature_.items.natures()[happening.item].length_s)));
  clock_us_ += seconds(watched_s);
  happen(Happened::kWatch, watched_s);
  const double like = random_.uniform(), rate = random_.uniform(), survey = random_.uniform();
  if (like < 1.2 * (felt - 0.6)) {
    clock_us_ += seconds(1);
    happen(Happened::kLike);
  } else if (like < 0.5 * (0.2 - felt)) {
    clock_us_ += seconds(1);
    happen(Happened::kDislike);
  }
  if (rate < config.rating_share) {
    clock_us_ += seconds(2);
    happen(Happened::kRating, 1 + std::round(4 * felt));
  }
  if (survey < config.survey_share) {
    clock_us_ += seconds(3);
    happen(Happened::kSurvey, 1 + std::round(4 * between(liking, 0, 1)));
  }
  joy_ = 1 - (1 - joy_) * (1 - kJoyOfOne * felt);
  state_.remember(happening.item);
  if (felt > 0.6) state_.liked = happening.item;
}

void UserDay::leave(const WorldShelf& shelf, std::vector<Happening>& out) {
  const Malice malice = nature_.people.natures()[user_].malice;
  const uint32_t visit = state_.visits++;
  state_.busy_until_us = clock_us_ + seconds(1);
  if (malice == Malice::kSleeper) {
    if (nature_.attacks.active(clock_us_)) {
      nature_.attacks.push({user_, visit, malice, clock_us_}, shelf, out);
      state_.busy_until_us = out.back().us + 1;
    }
  } else {
    state_.served += kForgets * (static_cast<float>(joy_) - state_.served);
    if (random_.uniform() < nature_.laws.churn(state_.served)) state_.left = true;
  }
  begin_visit();
}

}  // namespace palate
