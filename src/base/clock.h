// A wall clock that does not follow every jump. Time that is off by years for a minute would stay
// in what is learned for years: so a jump is believed only once it has lasted.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "base/time.h"

namespace palate {

// Larger differences between the wall clock and the time that has passed are jumps.
inline constexpr int64_t kClockJumpUs = 60 * kSecondUs;
// So long the time goes on as before, and then the new one is taken.
inline constexpr int64_t kClockBeliefUs = 600 * kSecondUs;

// Thread-safe.
class SteadyWallClock {
 public:
  // The time, from what the wall clock says and how long the machine has run (asleep or not).
  TimeUs look(TimeUs wall, int64_t running_us);

 private:
  std::mutex mutex_;
  bool started_ = false;
  TimeUs wall_;  // as of running_us_, both believed
  int64_t running_us_ = 0;
  std::optional<int64_t> jump_us_;  // that is not believed yet
  int64_t since_us_ = 0;
};

// The one of this process. What `wall` says, or what is believed instead.
TimeUs believed(TimeUs wall);

}  // namespace palate
