// The hand-made rules: four suspicions, each a factor that stays at 1 until there is evidence,
// multiplied. Thresholds lie far outside of what people in goodbooks-10k and in the simulated
// worlds do; trust_test.cc shows who is hit.
#include "features/trust.h"

#include <algorithm>
#include <cmath>

namespace palate {
namespace {

// 1 up to `good`, falling to `least` at `bad`, linear between.
double falling(double value, double good, double bad, double least) {
  const double at = std::clamp((value - good) / (bad - good), 0.0, 1.0);
  return 1 - at * (1 - least);
}

// One item makes up most of what the account likes: a click farm.
double of_concentration(const UserActivity& user) {
  constexpr uint64_t kLikesMin = 12;
  if (user.likes < kLikesMin) return 1;
  uint32_t top = 0;
  for (const UserActivity::Top& t : user.tops) top = std::max(top, t.count);
  return falling(static_cast<double>(top) / static_cast<double>(user.likes), 0.5, 0.9, 0.02);
}

// Nothing but dislikes: a rating bomber.
double of_polarity(const UserActivity& user) {
  constexpr uint64_t kTastesMin = 12;
  const uint64_t tastes = user.likes + user.dislikes;
  if (tastes < kTastesMin) return 1;
  return falling(static_cast<double>(user.dislikes) / static_cast<double>(tastes), 0.9, 1.0, 0.1);
}

// More in an hour than hands can do: a script. In acts an hour, at a steady rate r there are
// r / ln 2 of them.
double of_rate(const UserActivity& user) {
  if (user.last.us <= 0) return 1;
  const double acts = user.acts.read(kHour, DecayedCounts::Moment(user.last));
  return falling(std::log2(acts + 1), std::log2(500), std::log2(4000), 0.05);
}

// Acts at a beat: people's gaps spread over several powers of two, a timer's over none.
double of_regularity(const UserActivity& user) {
  constexpr uint64_t kGapsMin = 24;
  if (user.gaps < kGapsMin) return 1;
  const auto n = static_cast<double>(user.gaps);
  const double mean = static_cast<double>(user.gap_bits) / n;
  const double square = static_cast<double>(user.gap_bits_squared) / n;
  const double spread = std::sqrt(std::max(square - mean * mean, 0.0)) / 256;
  return 1 - falling(spread, 0.2, 0.5, 0.0) * 0.95;
}

uint16_t of_whole(double trust) { return static_cast<uint16_t>(std::lround(trust * kWholeWeight)); }

}  // namespace

Trust trust_of(const UserActivity& activity, const TrustModel& model) {
  if (model.hand_made) {
    const uint16_t trust = of_whole(of_concentration(activity) * of_polarity(activity) *
                                    of_rate(activity) * of_regularity(activity));
    return {trust, trust};
  }
  const TrustInputs inputs = trust_inputs(activity);
  return {of_whole(1 - malice_of(model.with_slates, inputs)),
          of_whole(1 - malice_of(model.without_slates, without_slates(inputs)))};
}

EventWeight weight_of_last(const UserActivity& activity, const HistoryEntry& event,
                           const TrustModel& model) {
  // A flood of new accounts cannot be told from new users by one event each: the first three of
  // anybody count a quarter, a half, three quarters.
  constexpr uint64_t kFirstEvents = 4;
  // The c-th like of one item counts 3/c from the fourth on: a thousand times says little more than
  // ten times.
  constexpr uint32_t kRepeatsWhole = 3;
  uint32_t parts = 1, whole = 1;
  const uint64_t tastes = std::max<uint64_t>(activity.likes + activity.dislikes, 1);
  if (tastes < kFirstEvents) {
    parts = static_cast<uint32_t>(tastes);
    whole = kFirstEvents;
  }
  for (const UserActivity::Top& top : activity.tops) {
    if (top.count <= kRepeatsWhole || top.item != event.item) continue;
    parts *= kRepeatsWhole;
    whole *= top.count;
  }
  Trust trust = trust_of(activity, model);
  if (!model.hand_made && !event.prompted) {
    constexpr double kShownHalf = 8;  // as the model's input `never_shown`
    const double shown = 1 - std::exp2(-static_cast<double>(activity.exposures) / kShownHalf);
    trust.with_slates = of_whole(shown * trust.with_slates / kWholeWeight);
  }
  const auto scaled = [&](uint16_t weight) {
    return static_cast<uint16_t>(uint64_t{weight} * parts / whole);
  };
  return {.of_whole = scaled(trust.with_slates), .without_slates = scaled(trust.without_slates)};
}

}  // namespace palate
