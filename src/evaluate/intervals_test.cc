#include "evaluate/intervals.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "evaluate/ranking_run.h"

namespace palate {
namespace {

std::vector<double> normal_columns(size_t users, size_t columns, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0.5, 0.2);
  std::vector<double> values(users * columns);
  for (double& value : values) value = normal(random);
  return values;
}

TEST(BootstrapColumns, MeansAreExactAndIntervalsAreThoseOfTheNormal) {
  ThreadPool pool(2);
  const auto values = normal_columns(2000, 3, 5);
  const auto intervals = bootstrap_columns(values, 3, pool, {.resamples = 2000, .seed = 1});
  for (size_t c = 0; c < 3; ++c) {
    double sum = 0, squares = 0;
    for (size_t i = c; i < values.size(); i += 3) {
      sum += values[i];
      squares += values[i] * values[i];
    }
    const double mean = sum / 2000;
    const double error = std::sqrt((squares / 2000 - mean * mean) / 2000);
    EXPECT_NEAR(intervals[c].mean, mean, 1e-12);
    EXPECT_NEAR(intervals[c].low, mean - 1.96 * error, 0.2 * error);
    EXPECT_NEAR(intervals[c].high, mean + 1.96 * error, 0.2 * error);
  }
}

TEST(BootstrapColumns, CoversTheTruthAboutAsOftenAsItSays) {
  ThreadPool pool(2);
  int covered = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const auto values = normal_columns(200, 1, 1000 + seed);
    const auto interval = bootstrap_columns(values, 1, pool, {.resamples = 300, .seed = seed})[0];
    covered += interval.low <= 0.5 && 0.5 <= interval.high;
  }
  EXPECT_GE(covered, 178);  // 95 % of 200 less three standard deviations and the bootstrap's bias
  EXPECT_LE(covered, 200);
}

RC_GTEST_PROP(BootstrapColumns, IsTheSameOnAnyNumberOfThreadsAndForAnyCompany, ()) {
  const auto users = *rc::gen::inRange<size_t>(1, 40);
  const auto values = normal_columns(users, 2, *rc::gen::arbitrary<uint64_t>());
  const BootstrapOptions options{.resamples = 37, .seed = *rc::gen::arbitrary<uint64_t>()};
  ThreadPool one(1), three(3);
  const auto together = bootstrap_columns(values, 2, one, options);
  const auto threaded = bootstrap_columns(values, 2, three, options);
  std::vector<double> alone;
  for (size_t i = 0; i < values.size(); i += 2) alone.push_back(values[i]);
  const auto single = bootstrap_columns(alone, 1, three, options);
  for (const auto* other : {&threaded[0], &single[0]}) {
    RC_ASSERT(together[0].mean == other->mean);
    RC_ASSERT(together[0].low == other->low);
    RC_ASSERT(together[0].high == other->high);
  }
}

TEST(BootstrapCoverage, CountsItemsInAnybodysFirstK) {
  ThreadPool pool(2);
  const std::vector<uint32_t> lists{0, 1, kNoItem, 0, 2, 3, 4, kNoItem, kNoItem};
  const std::vector<size_t> ks{1, 2, 3};
  const auto intervals =
      bootstrap_coverage({.lists = lists, .k = 3, .items = 10, .ks = ks}, pool, {.seed = 3});
  EXPECT_DOUBLE_EQ(intervals[0].mean, 0.2);
  EXPECT_DOUBLE_EQ(intervals[1].mean, 0.4);
  EXPECT_DOUBLE_EQ(intervals[2].mean, 0.5);
  for (const Interval& interval : intervals) {
    EXPECT_LE(interval.low, interval.mean);
    EXPECT_GE(interval.high, interval.mean);
  }
}

}  // namespace
}  // namespace palate
