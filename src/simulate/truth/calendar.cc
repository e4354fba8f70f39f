#include "simulate/truth/calendar.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "simulate/truth/streams.h"

namespace palate {
namespace {

constexpr int64_t kHourUs = 3600 * kSecondUs;
constexpr uint32_t kVisitsADayMax = 500;
// Local time: little at night, some at noon, most in the evening.
constexpr std::array<double, 24> kHours = {1.8, 1, .6,  .4,  .4,  .6,  1.2, 2, 2.6, 2.8, 3,   3.4,
                                           4.2, 4, 3.4, 3.4, 3.8, 4.6, 5.6, 7, 8.2, 8.4, 6.4, 3.6};

// Knuth's way for small means, the normal approximation for large ones.
uint32_t poisson(Philox& random, double mean) {
  if (mean > 30)
    return static_cast<uint32_t>(std::max(0.0, mean + std::sqrt(mean) * random.normal() + 0.5));
  const double limit = std::exp(-mean);
  uint32_t count = 0;
  for (double product = random.uniform(); product > limit && count < kVisitsADayMax; ++count)
    product *= random.uniform();
  return count;
}

int64_t local_moment(Philox& random, int utc_offset_h) {
  double sum = 0;
  for (const double weight : kHours) sum += weight;
  double left = random.uniform() * sum;
  int hour = 0;
  while (hour < 23 && left >= kHours[static_cast<size_t>(hour)])
    left -= kHours[static_cast<size_t>(hour++)];
  const int utc = (hour - utc_offset_h + 48) % 24;
  return utc * kHourUs + static_cast<int64_t>(random.uniform() * double(kHourUs));
}

}  // namespace

Calendar::Calendar(const SimulateConfig& config, int64_t start_us)
    : config_(config), start_us_(start_us) {}

bool Calendar::weekend(int64_t day) const {
  // 1 January 1970 was a Thursday.
  const int64_t since = static_cast<int64_t>(std::floor(double(start_us_) / double(kDayUs))) + day;
  const int64_t weekday = ((since + 3) % 7 + 7) % 7;  // Monday is 0
  return weekday >= 5;
}

double Calendar::visits_expected(const UserNature& nature, int64_t day, int64_t joined_us) const {
  double mean =
      config_.sessions_per_user / static_cast<double>(config_.days) * double(nature.activity);
  // Over a week the mean stays what it was.
  mean *= (weekend(day) ? 1 + config_.weekend_boost : 1) / (1 + 2 * config_.weekend_boost / 7);
  const double age = static_cast<double>(day) - static_cast<double>(joined_us) / double(kDayUs);
  return mean * (1 + 0.5 * std::exp(-std::max(0.0, age) / 7));
}

std::vector<int64_t> Calendar::visits(uint32_t user, const UserNature& nature, int64_t day,
                                      int64_t joined_us) const {
  Philox random = stream(config_.seed, Draw::kDay, user, static_cast<uint64_t>(day));
  std::vector<int64_t> starts;
  const uint32_t count =
      std::min(kVisitsADayMax, poisson(random, visits_expected(nature, day, joined_us)));
  for (uint32_t n = 0; n < count; ++n) {
    const int64_t at = day * kDayUs + local_moment(random, kRegions[nature.region].utc_offset_h);
    if (at >= joined_us) starts.push_back(at);
  }
  if (joined_us / kDayUs == day && joined_us >= 0) starts.push_back(joined_us);
  std::ranges::sort(starts);
  return starts;
}

}  // namespace palate
