#include "ingest/time_sorter.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

RC_GTEST_PROP(TimeSorter, EqualsAStableSort, ()) {
  const EventTypes types = EventTypes::defaults();
  ThreadPool pool(2);
  TimeSorter sorter(types, pool,
                    {.run_rows = *rc::gen::inRange<size_t>(1, 40), .bytes_max = 1 << 30});
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

TEST(TimeSorter, SaysWhenThereIsTooMuch) {
  const EventTypes types = EventTypes::defaults();
  ThreadPool pool(1);
  TimeSorter sorter(types, pool, {.run_rows = 1, .bytes_max = 10});
  EventBatch batch;
  EventView row;
  row.user = "somebody";
  row.type = *types.find("search");
  batch.rows.push_back(row);
  const Status added = sorter.add(std::move(batch));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace palate
