#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "dataset/dataset.h"
#include "dataset/dataset_for_test.h"

namespace palate {
namespace {

DatasetView any_view(const Dataset& dataset) {
  if (*rc::gen::arbitrary<bool>()) return DatasetView(dataset);
  std::vector<bool> keep;
  for (size_t i = 0; i < dataset.interactions(); ++i) keep.push_back(*rc::gen::arbitrary<bool>());
  return DatasetView(dataset, std::make_shared<const std::vector<bool>>(std::move(keep)));
}

// The plain twin: a map of sums.
RC_GTEST_PROP(PreferenceMatrix, EqualsAMapOfSums, ()) {
  const DatasetView view = any_view(any_dataset());
  std::map<std::pair<uint32_t, uint32_t>, float> sums;
  std::vector<HistoryEntry> scratch;
  for (uint32_t user = 0; user < view.users(); ++user) {
    for (const auto& row : view.of({user}, scratch)) {
      sums[{user, row.item.value}] += row.preference;
    }
  }
  std::erase_if(sums, [](const auto& entry) { return !(entry.second > 0); });
  const auto matrix = preference_matrix(view);
  RC_ASSERT(matrix.rows == view.users());
  RC_ASSERT(matrix.cols == view.items());
  RC_ASSERT(matrix.start.size() == view.users() + 1);
  RC_ASSERT(matrix.index.size() == sums.size());
  auto expected = sums.begin();
  for (uint32_t row = 0; row < matrix.rows; ++row) {
    for (uint64_t i = matrix.start[row]; i < matrix.start[row + 1]; ++i, ++expected) {
      RC_ASSERT(expected->first == std::pair(row, matrix.index[i]));
      RC_ASSERT(expected->second == matrix.value[i]);
    }
  }
  const auto transposed = matrix.transposed();
  RC_ASSERT(transposed.rows == matrix.cols);
  for (uint32_t row = 0; row < transposed.rows; ++row) {
    for (uint64_t i = transposed.start[row]; i < transposed.start[row + 1]; ++i) {
      RC_ASSERT(sums.at({transposed.index[i], row}) == transposed.value[i]);
      // RC_ASSERT evaluates both sides of ||, so the first entry of a row is left out before it.
      if (i > transposed.start[row]) RC_ASSERT(transposed.index[i - 1] < transposed.index[i]);
    }
  }
  RC_ASSERT(transposed.start.back() == sums.size());
}

RC_GTEST_PROP(DatasetView, SeesWhatTheBitmapKeeps, ()) {
  const Dataset dataset = any_dataset();
  std::vector<bool> keep;
  for (size_t i = 0; i < dataset.interactions(); ++i) keep.push_back(*rc::gen::arbitrary<bool>());
  const DatasetView view(dataset, std::make_shared<const std::vector<bool>>(keep));
  std::vector<HistoryEntry> scratch;
  size_t bit = 0, kept = 0;
  DatasetView::Seen seen;
  for (uint32_t user = 0; user < view.users(); ++user) {
    const auto mine = view.of({user}, scratch);
    size_t next = 0;
    for (const auto& row : dataset.of({user})) {
      if (!keep[bit++]) continue;
      RC_ASSERT(mine[next++].offset == row.offset);
      seen.newest_ts = kept == 0 ? row.ts : std::max(seen.newest_ts, row.ts);
      seen.newest_offset = std::max(seen.newest_offset, row.offset);
      seen.fingerprint += row_fingerprint({user}, row.offset);
      ++kept;
    }
    RC_ASSERT(next == mine.size());
  }
  seen.interactions = kept;
  RC_ASSERT(view.interactions() == kept);
  RC_ASSERT(view.seen() == seen);
}

TEST(DatasetView, TheFingerprintTellsRowsApart) {
  const Dataset dataset = liked_rows(30, 8, TimeKind::kReal);
  const auto whole = DatasetView(dataset).seen();
  for (size_t left_out = 0; left_out < dataset.interactions(); ++left_out) {
    std::vector<bool> keep(dataset.interactions(), true);
    keep[left_out] = false;
    const auto part =
        DatasetView(dataset, std::make_shared<const std::vector<bool>>(std::move(keep))).seen();
    EXPECT_NE(part.fingerprint, whole.fingerprint);
    EXPECT_EQ(part.interactions + 1, whole.interactions);
  }
  EXPECT_NE(row_fingerprint({1}, 2), row_fingerprint({2}, 1));
}

TEST(PreferenceMatrix, AnEmptyDatasetGivesAnEmptyMatrix) {
  const auto empty = Dataset::from_rows(0, {0}, {}, TimeKind::kNone);
  const auto matrix = preference_matrix(DatasetView(empty));
  EXPECT_EQ(matrix.start, std::vector<uint64_t>{0});
  EXPECT_TRUE(matrix.index.empty());
}

}  // namespace
}  // namespace palate
