#include "events/number_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

namespace palate {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

// Eight characters at once, the first in the lowest byte: all between '0' and '9'?
bool eight_digits(uint64_t text) {
  constexpr uint64_t kHigh = 0xf0f0f0f0f0f0f0f0, kZeros = 0x3030303030303030;
  constexpr uint64_t kSix = 0x0606060606060606;
  return (text & kHigh) == kZeros && ((text + kSix) & kHigh) == kZeros;
}

// Their value: pairs, then fours, then eight are put together by one multiplication each.
int64_t eight_digits_value(uint64_t text) {
  constexpr uint64_t kPairs = 0x00ff00ff00ff00ff, kFours = 0x0000ffff0000ffff;
  text = (text & 0x0f0f0f0f0f0f0f0f) * (10 * 256 + 1) >> 8 & kPairs;
  text = text * (100 * 65536 + 1) >> 16 & kFours;
  return static_cast<int64_t>(text * (10000 * (uint64_t{1} << 32) + 1) >> 32);
}

// March 1973; today in milliseconds is 2 % of it.
constexpr int64_t kLiveMicrosMin = 100'000'000'000'000;

// Decimal scaling that is exact: a mantissa below 2^53 over a power of ten below 10^22 rounds once.
constexpr std::array<double, 16> kPowersOfTen = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// "4", "4.0", "-3.25": up to 15 digits. False for any other form.
bool parse_short_decimal(std::string_view text, double& value) {
  if (text.size() == 1 && digit(text[0])) {
    value = text[0] - '0';
    return true;
  }
  size_t i = !text.empty() && text[0] == '-' ? 1 : 0;
  const bool negative = i == 1;
  if (text.size() - i > 16 || i == text.size()) return false;
  uint64_t mantissa = 0;
  size_t digits = 0, fraction = 0;
  bool point = false;
  for (; i < text.size(); ++i) {
    if (digit(text[i])) {
      mantissa = mantissa * 10 + static_cast<uint64_t>(text[i] - '0');
      ++digits;
      fraction += point ? 1 : 0;
    } else if (text[i] == '.' && !point && digits > 0) {
      point = true;
    } else {
      return false;
    }
  }
  if (digits == 0 || digits > 15 || text.back() == '.') return false;
  const double magnitude = static_cast<double>(mantissa) / kPowersOfTen[fraction];
  value = negative ? -magnitude : magnitude;
  return true;
}

// `text` in units of `unit_us` microseconds; a fraction is cut below a microsecond.
std::optional<TimeUs> parse_scaled(std::string_view text, int64_t unit_us) {
  constexpr size_t kSafeDigits = 12;  // times a second in microseconds stays below 2^63
  if (!text.empty() && text.size() <= kSafeDigits) {
    int64_t whole = 0;
    bool digits = true;
    std::string_view rest = text;
    if (rest.size() >= sizeof(uint64_t)) {
      uint64_t eight = 0;
      std::memcpy(&eight, rest.data(), sizeof eight);
      digits = eight_digits(eight);
      whole = eight_digits_value(eight);
      rest.remove_prefix(sizeof eight);
    }
    for (const char c : rest) {
      digits &= digit(c);
      whole = whole * 10 + (c - '0');
    }
    if (digits) return TimeUs{whole * unit_us};
  }
  const size_t point = text.find('.');
  const auto whole = parse_whole(text.substr(0, point));
  if (!whole) return std::nullopt;
  int64_t us = 0;
  if (__builtin_mul_overflow(*whole, unit_us, &us)) return std::nullopt;
  if (point == std::string_view::npos) return TimeUs{us};
  int64_t scale = unit_us, fraction_us = 0;
  const std::string_view fraction = text.substr(point + 1);
  if (fraction.empty() || !std::ranges::all_of(fraction, digit)) return std::nullopt;
  for (char c : fraction) {
    scale /= 10;
    fraction_us += (c - '0') * scale;
  }
  if (text[0] == '-') fraction_us = -fraction_us;
  if (__builtin_add_overflow(us, fraction_us, &us)) return std::nullopt;
  return TimeUs{us};
}

// "2026-01-31T12:00:00Z" and nothing else: the form that nearly all times have.
std::optional<TimeUs> parse_whole_second_utc(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != kForm.size()) return std::nullopt;
  bool fits = true;
  for (size_t i = 0; i < kForm.size(); ++i) {
    fits &= kForm[i] == 'd' ? digit(text[i]) : text[i] == kForm[i];
  }
  if (!fits) return std::nullopt;
  const auto two = [&](size_t at) {
    return static_cast<unsigned>((text[at] - '0') * 10 + (text[at + 1] - '0'));
  };
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(two(0) * 100 + two(2))),
                                         std::chrono::month(two(5)), std::chrono::day(two(8))};
  const int64_t hour = two(11), minute = two(14), second = two(17);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return TimeUs{(days * 86'400 + hour * 3600 + minute * 60 + second) * kSecondUs};
}

std::optional<TimeUs> parse_calendar(std::string_view text) {
  if (const auto time = parse_whole_second_utc(text)) return time;
  constexpr size_t kDateBytes = 10, kDateTimeBytes = 19, kTextBytesMax = 48;
  if (text.size() < kDateBytes || text.size() > kTextBytesMax) return std::nullopt;
  std::array<char, kTextBytesMax + 16> buffer;
  std::memcpy(buffer.data(), text.data(), text.size());
  size_t size = text.size();
  const auto append = [&](std::string_view more) {
    std::memcpy(buffer.data() + size, more.data(), more.size());
    size += more.size();
  };
  if (size == kDateBytes) append("T00:00:00Z");
  if (buffer[kDateBytes] == ' ') buffer[kDateBytes] = 'T';
  if (size >= kDateTimeBytes) {
    const std::string_view clock(buffer.data() + kDateBytes, size - kDateBytes);
    if (clock.find_first_of("Zz+-") == std::string_view::npos) append("Z");
  }
  const auto time = parse_rfc3339({buffer.data(), size});
  if (!time) return std::nullopt;
  return *time;
}

// "01-Jan-1995" as "1995-01-01".
std::optional<TimeUs> parse_day_month_year(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 11 || text[2] != '-' || text[6] != '-') return std::nullopt;
  const size_t month = kMonths.find(text.substr(3, 3));
  if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
  const auto number = static_cast<char>(month / 3 + 1);
  const std::array<char, 10> iso = {text[7],
                                    text[8],
                                    text[9],
                                    text[10],
                                    '-',
                                    static_cast<char>('0' + number / 10),
                                    static_cast<char>('0' + number % 10),
                                    '-',
                                    text[0],
                                    text[1]};
  return parse_calendar({iso.data(), iso.size()});
}

}  // namespace

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  if (parse_short_decimal(text, value)) return value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::numeric_limits<double>::infinity();
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_whole(std::string_view text) {
  constexpr size_t kSafeDigits = 18;
  if (text.size() <= kSafeDigits && !text.empty() && digit(text[0])) {
    int64_t value = 0;
    for (char c : text) {
      if (!digit(c)) return std::nullopt;
      value = value * 10 + (c - '0');
    }
    return value;
  }
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

TimeUnit guess_time_unit(std::string_view text) {
  // 1e11 s is the year 5138 and 1e11 ms is 1973; likewise a thousand times that for microseconds.
  constexpr double kMillisFrom = 1e11, kMicrosFrom = 1e14;
  const auto number = parse_real(text);
  if (!number) return TimeUnit::kRfc3339;
  const double size = std::abs(*number);
  return size < kMillisFrom   ? TimeUnit::kSeconds
         : size < kMicrosFrom ? TimeUnit::kMillis
                              : TimeUnit::kMicros;
}

std::optional<TimeUs> parse_time(std::string_view text, TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds:
      return parse_scaled(text, kSecondUs);
    case TimeUnit::kMillis:
      return parse_scaled(text, 1000);
    case TimeUnit::kMicros:
      return parse_scaled(text, 1);
    case TimeUnit::kRfc3339:
      return parse_calendar(text);
    case TimeUnit::kWire:
      if (const auto time = parse_whole_second_utc(text)) return time;
      if (const auto us = parse_whole(text)) return TimeUs{*us};
      return parse_calendar(text);
    case TimeUnit::kLive:
      if (const auto us = parse_whole(text); us && *us >= 0 && *us < kLiveMicrosMin) {
        return std::nullopt;
      }
      return parse_time(text, TimeUnit::kWire);
    case TimeUnit::kAuto:
      return parse_time(text, guess_time_unit(text));
  }
  return std::nullopt;
}

std::optional<TimeUs> parse_date(std::string_view text) {
  constexpr size_t kYearBytes = 4;
  if (text.size() == kYearBytes && std::ranges::all_of(text, digit)) {
    std::array<char, 10> iso = {text[0], text[1], text[2], text[3], '-', '0', '1', '-', '0', '1'};
    return parse_calendar({iso.data(), iso.size()});
  }
  if (const auto time = parse_day_month_year(text)) return time;
  return parse_calendar(text);
}

}  // namespace palate
