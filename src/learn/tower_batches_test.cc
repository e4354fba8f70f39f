#include "learn/tower_batches.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace palate {
namespace {

// Users 0 … 3: three items, one item, one item and a profile, nothing.
TowerExamples few_users() {
  TowerExamples out;
  const std::vector<std::vector<uint32_t>> liked{{4, 2, 7}, {1}, {3}, {}};
  const uint32_t trait = 1;
  for (const auto& list : liked) out.liked.add(list);
  for (size_t user = 0; user < liked.size(); ++user) {
    out.profiles.add(user == 2 ? std::span(&trait, 1) : std::span<const uint32_t>());
  }
  for (int item = 0; item < 9; ++item) {
    out.terms.add({});
    out.text_start.push_back(0);
  }
  return out;
}

std::vector<uint32_t> history_of(const TowerBatch& batch, size_t row) {
  std::vector<uint32_t> out;
  for (auto i = batch.history_start[row]; i < batch.history_start[row + 1]; ++i) {
    out.push_back(batch.items[static_cast<size_t>(batch.history[static_cast<size_t>(i)])]);
  }
  return out;
}

size_t row_of(const TowerBatch& batch, uint32_t user, uint32_t item) {
  for (size_t row = 0; row < batch.users.size(); ++row) {
    if (batch.users[row] == user && batch.items[static_cast<size_t>(batch.targets[row])] == item) {
      return row;
    }
  }
  ADD_FAILURE() << "no row of user " << user << " and item " << item;
  return 0;
}

TEST(TowerBatches, RowsKnowAllOtherItemsOrThoseBefore) {
  const TowerExamples examples = few_users();
  TowerBatches all(examples, {.rows = 100, .negatives = 0});
  all.shuffle(1);
  EXPECT_EQ(all.rows(), 4u);  // who likes one item and says nothing has none to be found
  const TowerBatch batch = all.batch(0);
  EXPECT_EQ(history_of(batch, row_of(batch, 0, 2)), (std::vector<uint32_t>{4, 7}));
  EXPECT_TRUE(history_of(batch, row_of(batch, 2, 3)).empty());

  TowerBatches past(examples, {.rows = 100, .negatives = 0, .past_only = true});
  past.shuffle(1);
  EXPECT_EQ(past.rows(), 3u);
  const TowerBatch later = past.batch(0);
  EXPECT_EQ(history_of(later, row_of(later, 0, 2)), (std::vector<uint32_t>{4}));
  EXPECT_EQ(history_of(later, row_of(later, 0, 7)), (std::vector<uint32_t>{4, 2}));
}

TEST(TowerBatches, ColumnsAreDistinctAndOwnItemsAreNoNegatives) {
  const TowerExamples examples = few_users();
  TowerBatches batches(examples, {.rows = 100, .negatives = 50});
  batches.shuffle(3);
  const TowerBatch batch = batches.batch(0);
  const std::set<uint32_t> distinct(batch.items.begin(), batch.items.end());
  EXPECT_EQ(distinct.size(), batch.items.size());
  EXPECT_EQ(batch.columns, 5u);  // nobody likes another one
  const size_t row = row_of(batch, 0, 2);
  std::set<uint32_t> left_out;
  for (const auto& [of, column] : batch.not_negative) {
    if (of == row) left_out.insert(batch.items[column]);
  }
  EXPECT_EQ(left_out, (std::set<uint32_t>{4, 7}));
}

TEST(TowerBatches, HistoriesAreCutAndWeighed) {
  const TowerExamples examples = few_users();
  TowerBatches batches(examples, {.rows = 100, .negatives = 0, .history = 1, .half_life = 1});
  batches.shuffle(1);
  const TowerBatch batch = batches.batch(0);
  EXPECT_EQ(history_of(batch, row_of(batch, 0, 4)), (std::vector<uint32_t>{7}));
  TowerBatches longer(examples, {.rows = 100, .negatives = 0, .half_life = 1});
  longer.shuffle(1);
  const TowerBatch two = longer.batch(0);
  const auto first = static_cast<size_t>(two.history_start[row_of(two, 0, 4)]);
  EXPECT_NEAR(two.weights[first], 1.0 / 3, 1e-6);
  EXPECT_NEAR(two.weights[first + 1], 2.0 / 3, 1e-6);
}

TEST(TowerBatches, EveryItemIsFoundOnceAnEpochAndSeedsRepeat) {
  const TowerExamples examples = few_users();
  std::vector<std::vector<uint32_t>> runs;
  for (int run = 0; run < 2; ++run) {
    TowerBatches batches(examples, {.rows = 3, .negatives = 2, .history_dropout = 0.5});
    std::vector<uint32_t> found, everything;
    for (uint64_t epoch = 0; epoch < 2; ++epoch) {
      batches.shuffle(epoch);
      found.clear();
      for (size_t i = 0; i < batches.batches(); ++i) {
        const TowerBatch batch = batches.batch(i);
        for (const int64_t target : batch.targets) {
          found.push_back(batch.items[static_cast<size_t>(target)]);
        }
        everything.insert(everything.end(), batch.items.begin(), batch.items.end());
      }
      EXPECT_THAT(found, ::testing::UnorderedElementsAre(4, 2, 7, 3));
    }
    runs.push_back(everything);
  }
  EXPECT_EQ(runs[0], runs[1]);
}

// Whatever is dropped, who says nothing of himself keeps an item.
TEST(TowerBatches, NobodyIsLeftWithNothing) {
  const TowerExamples examples = few_users();
  TowerBatches batches(examples, {.rows = 100, .negatives = 0, .history_dropout = 0.99});
  for (uint64_t epoch = 0; epoch < 20; ++epoch) {
    batches.shuffle(epoch);
    const TowerBatch batch = batches.batch(0);
    for (const uint32_t item : {4U, 2U, 7U}) {
      EXPECT_FALSE(history_of(batch, row_of(batch, 0, item)).empty());
    }
  }
}

}  // namespace
}  // namespace palate
