#include "dataset/split.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "dataset/dataset_for_test.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

// All rows as (user, row, bit), flat.
struct FlatRow {
  uint32_t user;
  HistoryEntry entry;
  size_t bit;
};
std::vector<FlatRow> flat(const Dataset& dataset) {
  std::vector<FlatRow> rows;
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    for (const auto& entry : dataset.of({user})) rows.push_back({user, entry, rows.size()});
  }
  return rows;
}

SplitOptions any_options() {
  return {static_cast<SplitKind>(*rc::gen::inRange(0, 3)), *rc::gen::inRange(1, 90) / 100.0,
          *rc::gen::arbitrary<uint64_t>()};
}

RC_GTEST_PROP(SplitProperty, NoRowIsInBothPartsAndOnlyLikedRowsAreTest, ()) {
  const Dataset dataset = any_dataset();
  const auto split = make_split(dataset, any_options());
  if (!split) RC_DISCARD("too small to split");
  RC_ASSERT(split->train->size() == dataset.interactions());
  RC_ASSERT(split->test->size() == dataset.interactions());
  for (const auto& row : flat(dataset)) {
    RC_ASSERT(!((*split->train)[row.bit] && (*split->test)[row.bit]));
    RC_ASSERT(!(*split->test)[row.bit] || row.entry.preference > 0);
  }
}

RC_GTEST_PROP(SplitProperty, TheSameSeedGivesTheSameSplit, ()) {
  const Dataset dataset = any_dataset();
  const auto options = any_options();
  const auto one = make_split(dataset, options), two = make_split(dataset, options);
  if (!one) RC_DISCARD("too small to split");
  RC_ASSERT(*one->train == *two->train);
  RC_ASSERT(*one->test == *two->test);
}

RC_GTEST_PROP(SplitProperty, ATimeCutParts, ()) {
  const Dataset dataset = any_dataset();
  const double share = *rc::gen::inRange(1, 90) / 100.0;
  const auto split = make_split(dataset, {SplitKind::kTimeCut, share, 1});
  if (!split) RC_DISCARD("too small to split");
  size_t later = 0, at_or_after = 0;
  for (const auto& row : flat(dataset)) {
    const bool future = row.entry.ts >= split->cut;
    RC_ASSERT((*split->train)[row.bit] == !future);
    RC_ASSERT((*split->test)[row.bit] == (future && row.entry.preference > 0));
    later += row.entry.ts > split->cut ? 1 : 0;
    at_or_after += future ? 1 : 0;
  }
  // The share holds but for ties at the cut.
  const double wanted = share * static_cast<double>(dataset.interactions());
  RC_ASSERT(static_cast<double>(at_or_after) >= wanted - 0.5);
  RC_ASSERT(static_cast<double>(later) < std::max(1.0, wanted + 0.5));
}

RC_GTEST_PROP(SplitProperty, LeaveLastOutTakesTheLastLikedRow, ()) {
  const Dataset dataset = any_dataset();
  const auto split = make_split(dataset, {SplitKind::kLeaveLastOut, 0, 1});
  if (!split) RC_DISCARD("too small to split");
  const auto rows = flat(dataset);
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    std::vector<FlatRow> mine;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(mine),
                 [&](const FlatRow& row) { return row.user == user; });
    const auto tests = std::count_if(mine.begin(), mine.end(),
                                     [&](const FlatRow& row) { return (*split->test)[row.bit]; });
    RC_ASSERT(tests <= 1);
    bool before_test = true;
    for (const auto& row : mine) {
      if ((*split->test)[row.bit]) before_test = false;
      RC_ASSERT((*split->train)[row.bit] == (before_test || tests == 0));
      RC_ASSERT(before_test || (*split->test)[row.bit] || !(row.entry.preference > 0));
    }
    // Left out nothing only where nothing liked has something before it.
    const bool could = std::any_of(mine.begin(), mine.end(), [&](const FlatRow& row) {
      return row.entry.preference > 0 && row.bit > mine.front().bit;
    });
    RC_ASSERT((tests == 1) == could);
  }
}

RC_GTEST_PROP(SplitProperty, AHoldOutLeavesEveryUserSomething, ()) {
  const Dataset dataset = any_dataset();
  const auto split = make_split(dataset, {SplitKind::kHoldOut, 0.9, 7});
  if (!split) RC_DISCARD("too small to split");
  std::vector<size_t> train(dataset.users());
  for (const auto& row : flat(dataset)) {
    RC_ASSERT((*split->train)[row.bit] || (*split->test)[row.bit]);
    train[row.user] += (*split->train)[row.bit] ? 1 : 0;
  }
  for (uint32_t user = 0; user < dataset.users(); ++user) {
    RC_ASSERT(train[user] > 0 || dataset.of({user}).empty());
  }
}

TEST(Split, AHoldOutHoldsItsShare) {
  const Dataset dataset = liked_rows(2'000, 7, TimeKind::kNone);
  for (const double share : {0.05, 0.3, 0.5}) {
    const auto split = make_split(dataset, {SplitKind::kHoldOut, share, 3});
    ASSERT_TRUE(split.has_value());
    const auto tests = std::count(split->test->begin(), split->test->end(), true);
    EXPECT_NEAR(static_cast<double>(tests) / 14'000, share, 0.01);
  }
  const auto one = make_split(dataset, {SplitKind::kHoldOut, 0.3, 3});
  const auto other = make_split(dataset, {SplitKind::kHoldOut, 0.3, 4});
  EXPECT_NE(*one->test, *other->test) << "another seed, another split";
}

TEST(Split, ATimeCutTakesTiesTogether) {
  // Times 0 0 1 1 2 2 …: a cut inside a pair takes the whole pair.
  auto rows = rows_of(liked_rows(1, 10, TimeKind::kReal));
  for (size_t i = 0; i < rows.size(); ++i) rows[i].ts.us = static_cast<int64_t>(i / 2);
  const auto dataset = Dataset::from_rows(10, {0, 10}, rows, TimeKind::kReal);
  const auto split = make_split(dataset, {SplitKind::kTimeCut, 0.3, 1});
  ASSERT_TRUE(split.has_value());
  EXPECT_EQ(split->cut.us, 3);
  EXPECT_EQ(std::count(split->test->begin(), split->test->end(), true), 4);
  EXPECT_THAT(split->describe(), HasSubstr("6 rows train, 4 test"));
}

TEST(Split, TimesThatDoNotAllowItAreRefused) {
  EXPECT_EQ(default_split(TimeKind::kReal), SplitKind::kTimeCut);
  EXPECT_EQ(default_split(TimeKind::kOrder), SplitKind::kLeaveLastOut);
  EXPECT_EQ(default_split(TimeKind::kNone), SplitKind::kHoldOut);
  const auto refused = [](const Dataset& dataset, SplitOptions options) {
    const auto split = make_split(dataset, options);
    return !split && split.error().code == Code::kInvalidArgument;
  };
  const auto none = liked_rows(5, 5, TimeKind::kNone);
  const auto order = liked_rows(5, 5, TimeKind::kOrder);
  const auto real = liked_rows(5, 5, TimeKind::kReal);
  EXPECT_TRUE(refused(none, {SplitKind::kTimeCut, 0.1, 1}));
  EXPECT_TRUE(refused(none, {SplitKind::kLeaveLastOut, 0.1, 1}));
  EXPECT_FALSE(refused(none, {SplitKind::kHoldOut, 0.3, 1}));
  EXPECT_TRUE(refused(order, {SplitKind::kTimeCut, 0.1, 1}));
  EXPECT_FALSE(refused(order, {SplitKind::kLeaveLastOut, 0.1, 1}));
  EXPECT_FALSE(refused(real, {SplitKind::kTimeCut, 0.1, 1}));
  for (const double share : {0.0, 1.0, -1.0, std::nan("")}) {
    EXPECT_TRUE(refused(real, {SplitKind::kTimeCut, share, 1})) << share;
    EXPECT_TRUE(refused(real, {SplitKind::kHoldOut, share, 1})) << share;
  }
  EXPECT_TRUE(refused(liked_rows(1, 1, TimeKind::kReal), {SplitKind::kTimeCut, 0.5, 1}));
  EXPECT_TRUE(refused(liked_rows(0, 0, TimeKind::kReal), {SplitKind::kHoldOut, 0.5, 1}));
}

class LeakTest : public ::testing::TestWithParam<SplitKind> {
 protected:
  Dataset dataset_ = liked_rows(50, 12, TimeKind::kReal);
  Split split_ = make_split(dataset_, {GetParam(), 0.2, 5}).value();

  // What a trainer says that was given this part.
  Status checked(const std::vector<bool>& keep) {
    const auto view = DatasetView(dataset_, std::make_shared<const std::vector<bool>>(keep));
    return check_no_leak(dataset_, split_, view.seen());
  }
  void expect_leak(const Status& status, const std::string& says) {
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, Code::kInternal);
    EXPECT_THAT(status.error().message, HasSubstr(says));
  }
};

TEST_P(LeakTest, ACleanRunPasses) { EXPECT_TRUE(checked(*split_.train).has_value()); }

TEST_P(LeakTest, EverySingleTestRowIsFoundAndNamed) {
  for (const auto& row : flat(dataset_)) {
    if (!(*split_.test)[row.bit]) continue;
    auto keep = *split_.train;
    keep[row.bit] = true;
    const auto status = checked(keep);
    expect_leak(status, "1 test rows");
    EXPECT_THAT(status.error().message,
                HasSubstr(fmt::format("user row {}, item {},", row.user, row.entry.item.value)));
  }
}

TEST_P(LeakTest, TrainingOnEverythingIsFoundAndCounted) {
  const auto tests = std::count(split_.test->begin(), split_.test->end(), true);
  const auto status = check_no_leak(dataset_, split_, DatasetView(dataset_).seen());
  expect_leak(status, fmt::format("{} test rows", tests));
}

// As many rows as allowed, but one of them swapped for a test row.
TEST_P(LeakTest, ASwappedRowIsFound) {
  auto keep = *split_.train;
  keep[static_cast<size_t>(std::find(keep.begin(), keep.end(), true) - keep.begin())] = false;
  keep[static_cast<size_t>(std::find(split_.test->begin(), split_.test->end(), true) -
                           split_.test->begin())] = true;
  expect_leak(checked(keep), "mean nothing");
}

TEST_P(LeakTest, AnotherFingerprintOrNewerTimeIsFound) {
  const auto honest = DatasetView(dataset_, split_.train).seen();
  auto seen = honest;
  seen.fingerprint += 1;
  expect_leak(check_no_leak(dataset_, split_, seen), "mean nothing");
  seen = honest;
  seen.newest_ts.us += 1;
  expect_leak(check_no_leak(dataset_, split_, seen), "mean nothing");
  seen = honest;
  seen.newest_offset += 1;
  expect_leak(check_no_leak(dataset_, split_, seen), "mean nothing");
  seen = honest;
  seen.interactions += 1;
  expect_leak(check_no_leak(dataset_, split_, seen), "mean nothing");
}

TEST_P(LeakTest, ASplitWithARowInBothPartsIsFound) {
  split_.train = std::make_shared<const std::vector<bool>>(dataset_.interactions(), true);
  expect_leak(checked(*split_.train), "in the training part too");
}

TEST_P(LeakTest, ASplitOfAnotherDatasetIsFound) {
  split_.train = std::make_shared<const std::vector<bool>>(3, true);
  expect_leak(check_no_leak(dataset_, split_, {}), "another dataset");
}

std::string kind_name(const ::testing::TestParamInfo<SplitKind>& tested) {
  constexpr std::array kNames{"TimeCut", "LeaveLastOut", "HoldOut"};
  return kNames[static_cast<size_t>(tested.param)];
}
INSTANTIATE_TEST_SUITE_P(Kinds, LeakTest,
                         ::testing::Values(SplitKind::kTimeCut, SplitKind::kLeaveLastOut,
                                           SplitKind::kHoldOut),
                         kind_name);

TEST(Leak, TrainingRowsBehindTheCutAreFound) {
  const Dataset dataset = liked_rows(20, 10, TimeKind::kReal);
  Split split = make_split(dataset, {SplitKind::kTimeCut, 0.3, 1}).value();
  auto train = *split.train;
  auto test = *split.test;
  const auto moved = std::find(test.begin(), test.end(), true) - test.begin();
  train[static_cast<size_t>(moved)] = true;  // a test row becomes a training row: still disjoint
  test[static_cast<size_t>(moved)] = false;
  split.train = std::make_shared<const std::vector<bool>>(train);
  split.test = std::make_shared<const std::vector<bool>>(test);
  const auto status = check_no_leak(dataset, split, DatasetView(dataset, split.train).seen());
  ASSERT_FALSE(status.has_value());
  EXPECT_THAT(status.error().message, HasSubstr("wrong side of the cut"));
}

}  // namespace
}  // namespace palate
