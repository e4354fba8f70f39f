#include "base/clock.h"

#include <cstdlib>
#include <ctime>

#include "base/log.h"

namespace palate {

TimeUs SteadyWallClock::look(TimeUs wall, int64_t running_us) {
  const std::lock_guard lock(mutex_);
  const TimeUs expected{wall_.us + (running_us - running_us_)};
  const int64_t off_us = wall.us - expected.us;
  const bool jumped = started_ && std::llabs(off_us) > kClockJumpUs;
  if (jumped && (!jump_us_ || std::llabs(off_us - *jump_us_) > kClockJumpUs)) {
    jump_us_ = off_us;
    since_us_ = running_us;
    log_warning("the clock has jumped by {} s, to {}; it is believed if it stays so for {} s",
                off_us / kSecondUs, format_rfc3339(wall), kClockBeliefUs / kSecondUs);
  }
  if (jumped && running_us - since_us_ < kClockBeliefUs) return expected;
  if (jump_us_) {
    log_warning("the clock says {} and is believed again", format_rfc3339(wall));
    jump_us_.reset();
  }
  started_ = true;
  wall_ = wall;
  running_us_ = running_us;
  return wall;
}

TimeUs believed(TimeUs wall) {
  static SteadyWallClock clock;
  timespec running{};
  ::clock_gettime(CLOCK_BOOTTIME, &running);
  return clock.look(wall, running.tv_sec * kSecondUs + running.tv_nsec / 1000);
}

}  // namespace palate
