#include "learn/trained_table.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "math/philox.h"

namespace palate {
namespace {

constexpr uint32_t kRows = 50, kWidth = 6;

// Ids of a batch, with what they point into.
struct Bag {
  std::vector<uint32_t> values, start;
  size_t rows = 0;
  [[nodiscard]] BatchIds ids() const { return {values, start, rows}; }
};

Bag draw(uint64_t seed, size_t rows, bool many) {
  Philox random(seed);
  Bag bag{.values = {}, .start = {}, .rows = rows};
  if (many) bag.start.push_back(0);
  for (size_t row = 0; row < rows; ++row) {
    const uint32_t count = many ? random.below(4) : 1;
    for (uint32_t i = 0; i < count; ++i) bag.values.push_back(random.below(kRows));
    if (many) bag.start.push_back(static_cast<uint32_t>(bag.values.size()));
  }
  return bag;
}

std::vector<float> drawn(uint64_t seed, size_t size) {
  Philox random(seed, 1);
  std::vector<float> out(size);
  for (float& value : out) value = static_cast<float>(random.normal());
  return out;
}

SparseField field(Pooling pooling) {
  return {.name = "item", .pooling = pooling, .rows = kRows, .width = kWidth};
}

// The batch's gradient folded into a dense gradient of the whole table, one use at a time.
std::vector<float> dense_gradient(const Bag& bag, Pooling pooling,
                                  const std::vector<float>& gradients) {
  std::vector<float> out(kRows * kWidth);
  for (size_t by = 0; by < bag.rows; ++by) {
    const uint32_t begin = bag.start.empty() ? static_cast<uint32_t>(by) : bag.start[by];
    const uint32_t end = bag.start.empty() ? begin + 1 : bag.start[by + 1];
    const float share = pooling == Pooling::kMean ? 1.0F / static_cast<float>(end - begin) : 1.0F;
    for (uint32_t at = begin; at < end; ++at) {
      for (size_t i = 0; i < kWidth; ++i)
        out[bag.values[at] * kWidth + i] += share * gradients[by * kWidth + i];
    }
  }
  return out;
}

class EveryPooling : public ::testing::TestWithParam<Pooling> {};
INSTANTIATE_TEST_SUITE_P(All, EveryPooling,
                         ::testing::Values(Pooling::kOne, Pooling::kSum, Pooling::kMean));

TEST_P(EveryPooling, GathersSumsOrMeansOfRows) {
  ThreadPool pool(2);
  const Bag bag = draw(3, 3000, GetParam() != Pooling::kOne);
  const TrainedTable table(field(GetParam()), {.sigma = 1}, 7);
  std::vector<float> out(bag.rows * kWidth, 99);
  table.gather(bag.ids(), out, false, pool);
  for (size_t by = 0; by < bag.rows; ++by) {
    const uint32_t begin = bag.start.empty() ? static_cast<uint32_t>(by) : bag.start[by];
    const uint32_t end = bag.start.empty() ? begin + 1 : bag.start[by + 1];
    for (size_t i = 0; i < kWidth; ++i) {
      double want = 0;
      for (uint32_t at = begin; at < end; ++at)
        want += table.weights()[bag.values[at] * kWidth + i];
      if (GetParam() == Pooling::kMean && end > begin) want /= end - begin;
      EXPECT_NEAR(out[by * kWidth + i], want, 1e-5);
    }
  }
}

TEST_P(EveryPooling, AStepIsThatOfTheDenseGradientOnTouchedRows) {
  ThreadPool one(1), two(2);
  const Bag bag = draw(4, 30, GetParam() != Pooling::kOne);
  const auto gradients = drawn(5, bag.rows * kWidth);
  TrainedTable table(field(GetParam()), {.sigma = 1}, 7), again(field(GetParam()), {.sigma = 1}, 7);
  const std::vector<float> before(table.weights().begin(), table.weights().end());
  const StepOptions options{.rule = Rule::kSgd, .learning_rate = 0.1, .l2 = 0.01, .step = 1};
  table.update(bag.ids(), gradients, options, one);
  again.update(bag.ids(), gradients, options, two);
  const auto dense = dense_gradient(bag, GetParam(), gradients);
  std::vector<bool> touched(kRows);
  for (const uint32_t id : bag.values) touched[id] = true;
  ASSERT_NE(std::count(touched.begin(), touched.end(), false), 0);
  for (size_t i = 0; i < before.size(); ++i) {
    const float want =
        touched[i / kWidth] ? before[i] - 0.1F * (dense[i] + 0.01F * before[i]) : before[i];
    EXPECT_NEAR(table.weights()[i], want, 1e-5);
    EXPECT_EQ(table.weights()[i], again.weights()[i]);  // threads change nothing
  }
}

// Gradients in runs of rows, parts from the last to the first: the same bits.
TEST_P(EveryPooling, AStepInPartsIsTheSameStep) {
  ThreadPool pool(2);
  const Bag bag = draw(6, 50, GetParam() != Pooling::kOne);
  const auto gradients = drawn(7, bag.rows * kWidth);
  const std::span<const float> all(gradients);
  const std::vector<std::span<const float>> runs{all.first(11 * kWidth), all.subspan(0, 0),
                                                 all.subspan(11 * kWidth)};
  for (const Rule rule : {Rule::kAdam, Rule::kAdagrad}) {
    TrainedTable whole(field(GetParam()), {.sigma = 1}, 7),
        parts(field(GetParam()), {.sigma = 1}, 7);
    for (int64_t step = 1; step <= 3; ++step) {
      const StepOptions options{.rule = rule, .learning_rate = 0.1, .l2 = 0.01, .step = step};
      whole.update(bag.ids(), gradients, options, pool);
      TrainedTable::Update update = parts.start_update(bag.ids(), runs, options);
      for (size_t part = TrainedTable::kUpdateParts; part-- > 0;) parts.update_part(update, part);
    }
    EXPECT_TRUE(std::ranges::equal(whole.weights(), parts.weights()));
  }
}

TEST(TrainedTable, DecaysAllRowsWhereAsked) {
  ThreadPool pool(1);
  TrainedTable table(field(Pooling::kOne), {.sigma = 1, .decay_all = true}, 7);
  const std::vector<float> before(table.weights().begin(), table.weights().end());
  const Bag bag{.values = {3}, .start = {}, .rows = 1};
  table.update(bag.ids(), std::vector<float>(kWidth),
               {.rule = Rule::kSgd, .learning_rate = 0.1, .l2 = 0.5}, pool);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_FLOAT_EQ(table.weights()[i], before[i] * 0.95F);
}

// The average of a row that was not touched is caught up when it is looked at; a dense average
// moves in every step.
TEST(TrainedTable, ItsAverageIsThatOfEveryStep) {
  ThreadPool pool(2);
  TrainedTable table(field(Pooling::kOne), {.sigma = 1, .average = 0.9}, 7);
  std::vector<double> want(table.weights().begin(), table.weights().end());
  for (int64_t step = 1; step <= 40; ++step) {
    const Bag bag = draw(static_cast<uint64_t>(step), 5, false);
    table.update(bag.ids(), drawn(static_cast<uint64_t>(step), 5 * kWidth),
                 {.rule = Rule::kAdam, .learning_rate = 0.1, .step = step}, pool);
    for (size_t i = 0; i < want.size(); ++i) want[i] = 0.9 * want[i] + 0.1 * table.weights()[i];
  }
  const auto averaged = table.averaged();
  for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(averaged[i], want[i], 1e-4);
  Bag all{.values = {}, .start = {}, .rows = kRows};
  for (uint32_t row = 0; row < kRows; ++row) all.values.push_back(row);
  std::vector<float> gathered(kRows * kWidth);
  table.gather(all.ids(), gathered, true, pool);
  EXPECT_EQ(gathered, averaged);
}

TEST(TrainedTable, WhatWasNotReadBecomesWhatIsNotKnown) {
  TrainedTable table(field(Pooling::kOne), {.sigma = 1}, 7);
  const std::vector<float> before(table.weights().begin(), table.weights().end());
  std::vector<uint8_t> read(kRows, 1);
  table.settle(read);
  EXPECT_TRUE(std::ranges::equal(table.weights(), before)) << "all was read";
  read[2] = 0;
  table.settle(read);
  for (size_t i = 0; i < kWidth; ++i) {
    EXPECT_EQ(table.weights()[2 * kWidth + i], before[i]) << "row 0 was read";
    EXPECT_EQ(table.weights()[kWidth + i], before[kWidth + i]);
  }
  read.assign(kRows, 0);
  read[1] = read[3] = 1;
  table.settle(read);
  for (size_t i = 0; i < kWidth; ++i) {
    const float mean = (before[kWidth + i] + before[3 * kWidth + i]) / 2;
    for (const size_t row : {0U, 2U, 4U}) EXPECT_FLOAT_EQ(table.weights()[row * kWidth + i], mean);
    EXPECT_EQ(table.weights()[3 * kWidth + i], before[3 * kWidth + i]);
  }
}

TEST(TrainedTable, GoesOnFromItsState) {
  ThreadPool pool(1);
  const TableOptions options{.sigma = 1, .average = 0.9};
  TrainedTable table(field(Pooling::kOne), options, 7), resumed(field(Pooling::kOne), options, 8);
  const auto step = [&](TrainedTable& which, int64_t at) {
    which.update(draw(static_cast<uint64_t>(at), 9, false).ids(),
                 drawn(static_cast<uint64_t>(at), 9 * kWidth), {.rule = Rule::kAdam, .step = at},
                 pool);
  };
  for (int64_t at = 1; at <= 5; ++at) step(table, at);
  resumed.restore(table.state());
  for (int64_t at = 6; at <= 10; ++at) {
    step(table, at);
    step(resumed, at);
  }
  EXPECT_TRUE(std::ranges::equal(table.weights(), resumed.weights()));
  EXPECT_EQ(table.averaged(), resumed.averaged());
}

}  // namespace
}  // namespace palate
