#include "ingest/time_sorter.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "ingest/directory_for_test.h"

namespace palate {
namespace {

RC_GTEST_PROP(TimeSorter, EqualsAStableSort, ()) {
  const EventTypes types = EventTypes::defaults();
  ThreadPool pool(2);
  const TemporaryFolder folder;
  const bool spills = *rc::gen::arbitrary<bool>();
  TimeSorter sorter(types, pool,
                    {.run_rows = *rc::gen::inRange<size_t>(1, 40),
                     .bytes_max = spills ? size_t{300} : size_t{1} << 30,
                     .spill = folder.path() / "runs"});
  std::vector<std::pair<int64_t, int>> plain;
  const auto batches = *rc::gen::inRange(0, 8);
  for (int b = 0; b < batches; ++b) {
    EventBatch batch;
    const auto rows = *rc::gen::inRange(0, 30);
    for (int i = 0; i < rows; ++i) {
      EventView row;
      row.user = "u";
      row.item = "i";
      row.type = *types.find("like");
      row.ts.us = *rc::gen::inRange(0, 20);
      row.slot = static_cast<int32_t>(plain.size());
      plain.emplace_back(row.ts.us, row.slot);
      batch.rows.push_back(row);
    }
    RC_ASSERT(sorter.add(std::move(batch)).has_value());
  }
  std::stable_sort(plain.begin(), plain.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::pair<int64_t, int>> sorted;
  RC_ASSERT(sorter
                .merge([&](EventBatch batch) -> Status {
                  for (const auto& row : batch.rows) sorted.emplace_back(row.ts.us, row.slot);
                  return {};
                })
                .has_value());
  RC_ASSERT(sorted == plain);
}

TEST(TimeSorter, WhatDoesNotFitIntoMemoryGoesToAFileThatGoesAway) {
  const EventTypes types = EventTypes::defaults();
  ThreadPool pool(1);
  const TemporaryFolder folder;
  const Path spill = folder.path() / "runs";
  std::vector<int64_t> sorted;
  {
    TimeSorter sorter(types, pool, {.run_rows = 1, .bytes_max = 10, .spill = spill});
    for (const int64_t ts : {3, 1, 2}) {
      EventBatch batch;
      EventView row;
      row.user = "somebody";
      row.type = *types.find("search");
      row.ts.us = ts;
      batch.rows.push_back(row);
      ASSERT_TRUE(sorter.add(std::move(batch)));
    }
    EXPECT_TRUE(std::filesystem::exists(spill));
    EXPECT_EQ(sorter.spilled_bytes(), std::filesystem::file_size(spill));
    ASSERT_TRUE(sorter.merge([&](EventBatch batch) -> Status {
      for (const auto& row : batch.rows) sorted.push_back(row.ts.us);
      return {};
    }));
  }
  EXPECT_EQ(sorted, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_FALSE(std::filesystem::exists(spill));
}

}  // namespace
}  // namespace palate
