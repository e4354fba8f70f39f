// Time is UTC microseconds since 1970 in an int64. The wire form is RFC 3339.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace palate {

struct TimeUs {
  int64_t us = 0;
  auto operator<=>(const TimeUs&) const = default;
};
inline constexpr int64_t kSecondUs = 1'000'000;
inline constexpr int64_t kDayUs = 86'400 * kSecondUs;

// How much the times of events mean. A source marks itself at import; a dataset has the weakest of
// its sources, and splits follow it.
enum class TimeKind : uint8_t {
  kNone,   // rows have no time and their order means nothing; ts is 0
  kOrder,  // the order of rows is the order of events; ts is 0
  kReal,   // ts is the client's clock
};

// "2026-01-01T00:00:00Z", with optional fraction and offset. Errors: kInvalidArgument.
Result<TimeUs> parse_rfc3339(std::string_view text);
// "2026-01-01T00:00:00.000000Z"; the fraction is left out when it is zero.
std::string format_rfc3339(TimeUs time);

// The one place the wall clock is read, so that tests can jump it. Thread-safe.
TimeUs now();
// The machine's clock, whatever a test has set.
TimeUs real_now();
// Replaces the wall clock for a test; nullptr brings the real one back.
void set_clock_for_test(TimeUs (*clock)());

}  // namespace palate
