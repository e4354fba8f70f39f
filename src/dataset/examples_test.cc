#include "dataset/examples.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataset/example_batches.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

constexpr size_t kRows = 1000;

// Row i has item i + 1, i % 3 tags, the number i / 2, and the label i % 2; the third is not known.
Examples numbered(size_t first, size_t rows) {
  ExampleSchema schema{.ids = {{"item", 5000, false}, {"tags", 10, true}},
                       .numbers = {{"age", 1}},
                       .labels = {"click"}};
  ExampleColumns columns;
  columns.ids.resize(2);
  columns.ids[1].start.push_back(0);
  columns.numbers.resize(1);
  columns.labels.resize(1);
  for (size_t i = first; i < first + rows; ++i) {
    columns.ids[0].values.push_back(static_cast<uint32_t>(i + 1));
    for (size_t tag = 0; tag < i % 3; ++tag)
      columns.ids[1].values.push_back(static_cast<uint32_t>(tag + i % 7));
    columns.ids[1].start.push_back(columns.ids[1].values.size());
    columns.numbers[0].push_back(static_cast<float>(i) / 2);
    columns.labels[0].push_back(i == 2 ? std::numeric_limits<float>::quiet_NaN()
                                       : static_cast<float>(i % 2));
    columns.weights.push_back(1 + static_cast<float>(i % 4));
  }
  return Examples::from_columns(std::move(schema), std::move(columns)).value();
}

class ExamplesFile : public ::testing::Test {
 protected:
  ~ExamplesFile() override { std::filesystem::remove_all(path); }
  Path path = std::filesystem::temp_directory_path() / fmt::format("palate-examples-{}", getpid());
};

TEST_F(ExamplesFile, AreTheSameAfterSavingAndOpening) {
  const Examples made = numbered(0, kRows);
  ASSERT_TRUE(made.save(path));
  const auto opened = Examples::open(path);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->schema(), made.schema());
  ASSERT_EQ(opened->rows(), made.rows());
  for (size_t row = 0; row < made.rows(); ++row) {
    for (size_t column = 0; column < 2; ++column) {
      EXPECT_TRUE(std::ranges::equal(opened->ids(column, row), made.ids(column, row)));
    }
    EXPECT_EQ(opened->numbers(0, row)[0], made.numbers(0, row)[0]);
    EXPECT_EQ(opened->weight(row), made.weight(row));
  }
  EXPECT_TRUE(std::isnan(opened->label(0)[2]));
}

struct BadColumns {
  const char* name;
  void (*spoil)(ExampleSchema&, ExampleColumns&);
  const char* message;
};

class ExamplesThatDoNotFit : public ::testing::TestWithParam<BadColumns> {};

TEST_P(ExamplesThatDoNotFit, AreRefusedWithTheColumn) {
  ExampleSchema schema{
      .ids = {{"item", 4, false}, {"tags", 4, true}}, .numbers = {{"age", 2}}, .labels = {"click"}};
  ExampleColumns columns{.ids = {{{1, 2}, {}}, {{3}, {0, 0, 1}}},
                         .numbers = {{1, 2, 3, 4}},
                         .labels = {{0, 1}},
                         .weights = {1, 1}};
  ASSERT_TRUE(Examples::from_columns(schema, columns));
  GetParam().spoil(schema, columns);
  const auto made = Examples::from_columns(schema, columns);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kInvalidArgument);
  EXPECT_THAT(made.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, ExamplesThatDoNotFit,
    ::testing::Values(
        BadColumns{"Outside", [](ExampleSchema&, ExampleColumns& c) { c.ids[0].values[1] = 4; },
                   "item"},
        BadColumns{"Short", [](ExampleSchema&, ExampleColumns& c) { c.ids[0].values.pop_back(); },
                   "item"},
        BadColumns{"Falling", [](ExampleSchema&, ExampleColumns& c) { c.ids[1].start = {0, 1, 0}; },
                   "tags"},
        BadColumns{"Beyond", [](ExampleSchema&, ExampleColumns& c) { c.ids[1].start = {0, 0, 9}; },
                   "tags"},
        BadColumns{"NoStart", [](ExampleSchema&, ExampleColumns& c) { c.ids[1].start = {}; },
                   "tags"},
        BadColumns{"Numbers", [](ExampleSchema&, ExampleColumns& c) { c.numbers[0].pop_back(); },
                   "age"},
        BadColumns{"NoWidth", [](ExampleSchema& s, ExampleColumns&) { s.numbers[0].width = 0; },
                   "age"},
        BadColumns{"Negative", [](ExampleSchema&, ExampleColumns& c) { c.weights[0] = -1; },
                   "weights"},
        BadColumns{"NanWeight",
                   [](ExampleSchema&, ExampleColumns& c) { c.weights[1] = std::nanf(""); },
                   "weights"},
        BadColumns{"NoLabel",
                   [](ExampleSchema& s, ExampleColumns& c) {
                     s.labels = {};
                     c.labels = {};
                   },
                   "label"}),
    [](const auto& one) { return one.param.name; });

TEST(Permutation, TakesEveryPlaceOnce) {
  for (const uint64_t size : {1U, 2U, 3U, 5U, 16U, 17U, 1000U}) {
    for (const uint64_t key : {1U, 77U}) {
      const Permutation permutation(size, key);
      std::vector<bool> seen(size);
      for (uint64_t place = 0; place < size; ++place) {
        const uint64_t to = permutation(place);
        ASSERT_LT(to, size);
        EXPECT_FALSE(seen[to]);
        seen[to] = true;
      }
    }
  }
}

// All rows' items, in the order of the batches.
std::vector<uint32_t> items_read(const std::vector<Examples>& shards, const BatchOptions& options,
                                 uint64_t epoch = 0) {
  ExampleBatches batches(shards, options, epoch);
  std::vector<uint32_t> items;
  size_t count = 0;
  while (const ExampleBatch* batch = batches.next()) {
    ++count;
    EXPECT_TRUE(batch->rows == options.rows || count == batches.batches());
    for (size_t i = 0; i < batch->rows; ++i) {
      const uint32_t item = batch->ids[0][i], row = item - 1;
      EXPECT_EQ(batch->starts[1][i + 1] - batch->starts[1][i], row % 3);
      for (uint32_t at = batch->starts[1][i]; at < batch->starts[1][i + 1]; ++at) {
        EXPECT_EQ(batch->ids[1][at], at - batch->starts[1][i] + row % 7);
      }
      EXPECT_EQ(batch->numbers[0][i], static_cast<float>(row) / 2);
      EXPECT_EQ(batch->weights[i], 1 + static_cast<float>(row % 4));
      const float label = batch->labels[0][i];
      EXPECT_TRUE(row == 2 ? std::isnan(label) : label == static_cast<float>(row % 2));
      items.push_back(item);
    }
  }
  EXPECT_EQ(count, batches.batches());
  return items;
}

std::vector<uint32_t> one_to(size_t rows) {
  std::vector<uint32_t> items(rows);
  std::iota(items.begin(), items.end(), 1U);
  return items;
}

TEST(ExampleBatches, ReadEveryRowOnceAndTogether) {
  const std::vector<Examples> shards = {numbered(0, 400), numbered(400, 1),
                                        numbered(401, kRows - 401)};
  for (const size_t block : {1U, 7U, 64U, 4096U}) {
    for (const size_t window : {1U, 100U, 100000U}) {
      auto items = items_read(
          shards, {.rows = 96, .readers = 2, .block_rows = block, .window_rows = window});
      std::ranges::sort(items);
      EXPECT_EQ(items, one_to(kRows)) << block << " " << window;
    }
  }
}

TEST(ExampleBatches, KeepTheOrderWhereNothingIsShuffled) {
  EXPECT_EQ(items_read({numbered(0, kRows)}, {.rows = 64, .shuffle = false}), one_to(kRows));
}

TEST(ExampleBatches, AreAFunctionOfSeedAndEpochAlone) {
  const std::vector<Examples> shards = {numbered(0, kRows)};
  const BatchOptions one{.rows = 64, .seed = 3, .block_rows = 16, .window_rows = 128};
  BatchOptions many = one, other = one;
  many.readers = 4;
  other.seed = 4;
  EXPECT_EQ(items_read(shards, one), items_read(shards, many));
  EXPECT_NE(items_read(shards, one), items_read(shards, other));
  EXPECT_NE(items_read(shards, one), items_read(shards, one, 1));
}

// A shuffle that only moved blocks around would leave many neighbours neighbours.
TEST(ExampleBatches, MixWithinAWindow) {
  const auto items =
      items_read({numbered(0, kRows)}, {.rows = 64, .block_rows = 16, .window_rows = 512});
  size_t neighbours = 0;
  for (size_t i = 1; i < items.size(); ++i) neighbours += items[i] == items[i - 1] + 1 ? 1 : 0;
  EXPECT_LT(neighbours, kRows / 20);
}

TEST(ExampleBatches, CanBeLeftBeforeTheEnd) {
  ExampleBatches batches({numbered(0, kRows)}, {.rows = 10, .readers = 3}, 0);
  ASSERT_NE(batches.next(), nullptr);
}

}  // namespace
}  // namespace palate
