#include <atomic>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/near_names.h"
#include "base/result.h"
#include "base/threads.h"
#include "base/time.h"

namespace palate {
namespace {

TEST(Result, TryReturnsTheError) {
  const auto half = [](int n) -> Result<int> {
    if (n % 2 != 0) return fail(Code::kInvalidArgument, "{} is odd", n);
    return n / 2;
  };
  const auto quarter = [&](int n) -> Result<int> { return TRY(half(TRY(half(n)))); };
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
  EXPECT_EQ(quarter(6).error().within("here").message, "here: 3 is odd");
}

TEST(Result, CodesAreDistinct) {
  std::set<std::string_view> names;
  std::set<int> exits;
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    names.insert(code_info(static_cast<Code>(code)).name);
    exits.insert(code_info(static_cast<Code>(code)).exit_code);
  }
  EXPECT_EQ(names.size(), 16u);
  EXPECT_EQ(exits.size(), 16u);
  EXPECT_FALSE(exits.contains(0)) << "no error exits with success";
}

TEST(Time, ReadsAndWritesRfc3339) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z")->us, 0);
  EXPECT_EQ(parse_rfc3339("2026-01-01T00:00:00.5Z")->us, 1'767'225'600'500'000);
  EXPECT_EQ(parse_rfc3339("2026-01-01T01:30:00+01:30")->us, 1'767'225'600'000'000);
  EXPECT_EQ(parse_rfc3339("1969-12-31T23:59:59Z")->us, -kSecondUs);
  for (const int64_t us : {int64_t{0}, int64_t{1}, -kSecondUs, int64_t{951'782'400'000'000}}) {
    EXPECT_EQ(parse_rfc3339(format_rfc3339({us}))->us, us);
  }
  for (const char* bad :
       {"", "2026", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "+2026-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(bad)) << bad;
  }
}

TEST(Time, TheClockCanBeJumped) {
  set_clock_for_test([] { return TimeUs{42}; });
  EXPECT_EQ(now().us, 42);
  set_clock_for_test(nullptr);
  EXPECT_GT(now().us, 1'700'000'000 * kSecondUs);
}

TEST(Ids, PositionsReadBack) {
  const Position position{Stream::kItems, 3, 12345};
  EXPECT_EQ(to_string(position), "items/3@12345");
  EXPECT_EQ(parse_position("items/3@12345"), position);
  for (const char* bad :
       {"", "items", "items/3", "things/0@1", "items/x@1", "items/0@", "items/0@1 ", "0@1/2"}) {
    EXPECT_FALSE(parse_position(bad)) << bad;
  }
}

TEST(Ids, ListsOfPositionsReadBack) {
  const AsOf positions{{Stream::kEvents, 0, 12}, {Stream::kEvents, 3, 7}};
  EXPECT_EQ(to_string(positions), "events/0@12,events/3@7");
  EXPECT_EQ(parse_positions("events/0@12,events/3@7"), positions);
  EXPECT_EQ(parse_positions("items/0@1"), (AsOf{{Stream::kItems, 0, 1}}));
  for (const char* bad : {"", ",", "items/0@1,", ",items/0@1", "items/0@1;items/0@2"}) {
    EXPECT_FALSE(parse_positions(bad)) << bad;
  }
}

TEST(NearNames, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> known{"factors", "solver"};
  EXPECT_EQ(did_you_mean("factor", known), "; did you mean 'factors'?");
  EXPECT_EQ(did_you_mean("trian", std::vector<std::string>{"train"}), "; did you mean 'train'?");
  EXPECT_EQ(did_you_mean("abc", std::vector<std::string>{"cab"}), "") << "two letters of three";
  EXPECT_EQ(did_you_mean("bananas", known), "");
}

TEST(ThreadPool, RunsEveryBlockOnceAndAgain) {
  ThreadPool pool(4);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::atomic<int>> runs(97);
    ASSERT_TRUE(pool.for_blocks(97, [&](size_t block, size_t worker) {
      ASSERT_LT(worker, pool.size());
      ++runs[block];
    }));
    for (const auto& count : runs) EXPECT_EQ(count, 1);
  }
}

TEST(ThreadPool, StopsOnRequest) {
  ThreadPool pool(2);
  std::stop_source stop;
  std::atomic<int> done{0};
  auto status = pool.for_blocks(
      1000,
      [&](size_t, size_t) {
        if (++done == 10) stop.request_stop();
      },
      stop.get_token());
  EXPECT_EQ(status.error().code, Code::kCancelled);
  EXPECT_LT(done, 20);
}

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(to_hex(hash128("")),
            "99aa06d3014798d86001c324468d497f");  // XXH3-128 of the empty input
  EXPECT_NE(hash128("a"), hash128("b"));
}

}  // namespace
}  // namespace palate
