#include "features/trust_inputs.h"

#include <algorithm>
#include <cmath>

namespace palate {
namespace {

constexpr double kGapUnits = 256;  // of activity.h
enum Input : size_t {
  kUnprompted,
  kNeverShown,
  kNeither,
  kOneItem,
  kOneUnprompted,
  kRepeats,
  kDislikes,
  kRate,
  kBeat,
  kTastes,
  kAge
};

// In logarithms so that a tenth is a doubling.
double doublings(double value) { return std::log2(1 + std::max(value, 0.0)) / 10; }

// 1 for a timer, 0 for gaps that spread over three powers of two; little while there are few.
double beat(const UserActivity& user) {
  constexpr double kSpread = 3, kSmoothing = 8;
  if (user.gaps == 0) return 0;
  const auto n = static_cast<double>(user.gaps);
  const double mean = static_cast<double>(user.gap_bits) / n;
  const double square = static_cast<double>(user.gap_bits_squared) / n;
  const double spread = std::sqrt(std::max(square - mean * mean, 0.0)) / kGapUnits;
  return (1 - std::min(spread, kSpread) / kSpread) * n / (n + kSmoothing);
}

}  // namespace

TrustInputs trust_inputs(const UserActivity& activity) {
  constexpr double kSmoothing = 2, kShownHalf = 8;
  const auto tastes = static_cast<double>(activity.likes + activity.dislikes);
  const auto unprompted = static_cast<double>(activity.unprompted);
  uint32_t top = 0;
  for (const UserActivity::Top& t : activity.tops) top = std::max(top, t.count);
  TrustInputs in{};
  in[kUnprompted] = unprompted / (tastes + kSmoothing);
  in[kNeverShown] = std::exp2(-static_cast<double>(activity.exposures) / kShownHalf);
  in[kNeither] = in[kUnprompted] * in[kNeverShown];
  in[kOneItem] = top / (unprompted + 2 * kSmoothing);
  in[kOneUnprompted] = in[kOneItem] * in[kUnprompted];
  in[kRepeats] = doublings(top);
  in[kDislikes] = static_cast<double>(activity.dislikes) / (tastes + kSmoothing);
  if (activity.last.us > 0) {
    in[kRate] = doublings(activity.acts.read(kHour, DecayedCounts::Moment(activity.last)));
    const auto us = static_cast<double>(activity.last.us - activity.first.us);
    in[kAge] = doublings(us / (3600.0 * kSecondUs));
  }
  in[kBeat] = beat(activity);
  in[kTastes] = doublings(tastes);
  return in;
}

TrustInputs without_slates(TrustInputs inputs) {
  for (const Input of_slates : {kUnprompted, kNeverShown, kNeither, kOneUnprompted}) {
    inputs[of_slates] = 0;
  }
  return inputs;
}

}  // namespace palate
