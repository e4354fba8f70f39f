// Numbers and times out of text, without allocation. The whole text must be the number.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace palate {

// Any decimal or exponent form, "nan" and "inf" too; nullopt when it is not a number.
std::optional<double> parse_real(std::string_view text);
std::optional<int64_t> parse_whole(std::string_view text);

enum class TimeUnit : uint8_t {
  kAuto,     // by the first time that is seen: RFC 3339, or the unit that gives a year near ours
  kSeconds,  // with or without a fraction
  kMillis,
  kMicros,
  kRfc3339,  // also with a space for the T, without a zone (then UTC), or only a date
  kWire,     // our own JSON and CSV: whole microseconds or RFC 3339
  kLive,     // the same, less numbers that lie before 3 March 1973: those are seconds or millis
};

// nullopt when the text is not such a time or does not fit.
std::optional<TimeUs> parse_time(std::string_view text, TimeUnit unit);
// What `kAuto` is for this text.
TimeUnit guess_time_unit(std::string_view text);
// A date as catalogues write it: RFC 3339, 1995-01-31, 31-Jan-1995, 1995. For items only.
std::optional<TimeUs> parse_date(std::string_view text);

}  // namespace palate
