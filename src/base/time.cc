#include "base/time.h"

#include <atomic>
#include <charconv>
#include <chrono>
#include <ctime>

#include "base/clock.h"

namespace palate {
namespace {

std::atomic<TimeUs (*)()> test_clock{nullptr};

// Reads exactly `digits` decimal digits at the front of `text` and drops them.
bool take_number(std::string_view& text, size_t digits, int& out) {
  if (text.size() < digits) return false;
  const char* end = text.data() + digits;
  for (const char* c = text.data(); c < end; ++c) {
    if (*c < '0' || *c > '9') return false;
  }
  std::from_chars(text.data(), end, out);
  text.remove_prefix(digits);
  return true;
}

bool take_char(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456": microseconds, further digits are cut off.
bool take_fraction(std::string_view& text, int64_t& us) {
  us = 0;
  if (!take_char(text, '.')) return true;
  size_t digits = 0;
  int64_t scale = kSecondUs / 10;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    us += (text[digits] - '0') * scale;
    scale /= 10;
    ++digits;
  }
  text.remove_prefix(digits);
  return digits > 0;
}

// "Z" or "+hh:mm".
bool take_offset(std::string_view& text, int64_t& us) {
  us = 0;
  if (take_char(text, 'Z') || take_char(text, 'z')) return true;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return false;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!take_number(text, 2, hours) || !take_char(text, ':') || !take_number(text, 2, minutes))
    return false;
  us = sign * (hours * 3600LL + minutes * 60LL) * kSecondUs;
  return hours < 24 && minutes < 60;
}

struct Civil {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

bool take_civil(std::string_view& text, Civil& c) {
  if (!take_number(text, 4, c.year) || !take_char(text, '-')) return false;
  if (!take_number(text, 2, c.month) || !take_char(text, '-') || !take_number(text, 2, c.day))
    return false;
  if (!take_char(text, 'T') && !take_char(text, 't') && !take_char(text, ' ')) return false;
  if (!take_number(text, 2, c.hour) || !take_char(text, ':')) return false;
  if (!take_number(text, 2, c.minute) || !take_char(text, ':')) return false;
  return take_number(text, 2, c.second) && c.hour < 24 && c.minute < 60 && c.second < 61;
}

}  // namespace

Result<TimeUs> parse_rfc3339(std::string_view text) {
  std::string_view rest = text;
  Civil c;
  int64_t fraction_us = 0;
  int64_t offset_us = 0;
  const bool shaped = take_civil(rest, c) && take_fraction(rest, fraction_us) &&
                      take_offset(rest, offset_us) && rest.empty();
  const std::chrono::year_month_day date{std::chrono::year(c.year),
                                         std::chrono::month(unsigned(c.month)),
                                         std::chrono::day(unsigned(c.day))};
  if (!shaped || !date.ok()) {
    return fail(Code::kInvalidArgument, "'{}' is no RFC 3339 time like 2026-01-31T12:00:00Z",
                text.substr(0, 64));
  }
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t seconds = days * 86'400 + c.hour * 3600 + c.minute * 60 + c.second;
  return TimeUs{seconds * kSecondUs + fraction_us - offset_us};
}

std::string format_rfc3339(TimeUs time) {
  const std::chrono::sys_time<std::chrono::microseconds> point{std::chrono::microseconds(time.us)};
  const auto midnight = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{midnight};
  const std::chrono::hh_mm_ss clock{point - midnight};
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(date.year()), unsigned(date.month()),
                  unsigned(date.day()), clock.hours().count(), clock.minutes().count(),
                  clock.seconds().count());
  if (clock.subseconds().count() != 0) text += fmt::format(".{:06}", clock.subseconds().count());
  return text + "Z";
}

TimeUs now() {
  if (auto* clock = test_clock.load(std::memory_order_acquire)) return clock();
  return believed(real_now());
}
TimeUs real_now() {
  return {std::chrono::duration_cast<std::chrono::microseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

void set_clock_for_test(TimeUs (*clock)()) { test_clock.store(clock, std::memory_order_release); }

}  // namespace palate
