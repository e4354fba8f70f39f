// The fast forms of numbers and times against the general ones.
#include "events/number_text.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

RC_GTEST_PROP(NumberText, SecondsAreTheirDigits, ()) {
  const auto text = *rc::gen::resize(
      15, rc::gen::container<std::string>(rc::gen::elementOf(std::string("0123456789:/ "))));
  const bool whole =
      !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  const auto time = parse_time(text, TimeUnit::kSeconds);
  RC_ASSERT(time.has_value() == whole || text.size() > 12);
  if (whole && text.size() <= 12) RC_ASSERT(time->us == std::stoll(text) * kSecondUs);
}

TEST(NumberText, EightDigitsAtOnceKnowTheirNeighbours) {
  for (const char* wrong :
       {"1234567:", "/2345678", "12345678:", "1234-678", "12345678a", "1234567\xb0"}) {
    EXPECT_FALSE(parse_time(wrong, TimeUnit::kSeconds)) << wrong;
  }
  EXPECT_EQ(parse_time("1400000030", TimeUnit::kSeconds)->us, 1'400'000'030 * kSecondUs);
  EXPECT_EQ(parse_time("00000009", TimeUnit::kMicros)->us, 9);
  EXPECT_EQ(parse_time("-12345678.5", TimeUnit::kSeconds)->us, -12'345'678'500'000);
}

RC_GTEST_PROP(NumberText, WholeSecondsEqualTheGeneralForm, ()) {
  const std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", *rc::gen::inRange(0, 4000),
                  *rc::gen::inRange(0, 14), *rc::gen::inRange(0, 33), *rc::gen::inRange(0, 26),
                  *rc::gen::inRange(0, 62), *rc::gen::inRange(0, 62));
  const auto general = parse_rfc3339(text);
  for (const TimeUnit unit : {TimeUnit::kRfc3339, TimeUnit::kWire}) {
    const auto time = parse_time(text, unit);
    RC_ASSERT(time.has_value() == general.has_value());
    if (time) RC_ASSERT(time->us == general->us);
  }
}

}  // namespace
}  // namespace palate
