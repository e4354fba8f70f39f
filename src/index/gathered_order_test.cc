#include "index/gathered_order.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "math/philox.h"

namespace palate {
namespace {

std::vector<uint32_t> numbers(size_t count) {
  std::vector<uint32_t> items(count);
  std::iota(items.begin(), items.end(), 0U);
  return items;
}

// Eight centres far apart, as many rows each as a run has: every run is one of them.
TEST(GatheredOrder, EveryRunIsOfOneGroup) {
  constexpr size_t kRun = 128, kGroups = 8, kDim = 20;
  Philox random(3);
  std::vector<float> centres(kGroups * kDim), rows;
  for (float& value : centres) value = static_cast<float>(random.normal());
  for (size_t i = 0; i < kRun * kGroups; ++i) {
    for (size_t d = 0; d < kDim; ++d) {
      rows.push_back(centres[i % kGroups * kDim + d] + 0.01F * static_cast<float>(random.normal()));
    }
  }
  auto items = numbers(kRun * kGroups);
  gather(RowsView{rows.data(), items.size(), kDim}, items, kRun);
  for (size_t run = 0; run < kGroups; ++run) {
    std::set<uint32_t> groups;
    for (size_t i = 0; i < kRun; ++i) groups.insert(items[run * kRun + i] % kGroups);
    EXPECT_EQ(groups.size(), 1u) << run;
  }
  std::ranges::sort(items);
  EXPECT_EQ(items, numbers(items.size()));
}

// Rows of two lengths in one direction, the long ones first.
TEST(GatheredOrder, LongRowsStayApartFromShortOnes) {
  std::vector<float> rows;
  for (size_t i = 0; i < 64; ++i) rows.insert(rows.end(), {i < 32 ? 100.0F : 1.0F, 0.0F});
  auto items = numbers(64);
  gather(RowsView{rows.data(), 64, 2}, items, 16);
  EXPECT_TRUE(std::ranges::all_of(std::span(items).first(32), [](auto i) { return i < 32; }));
}

TEST(GatheredOrder, RowsThatAreAllTheSameZeroOrFewStayWhatTheyAre) {
  for (const float value : {0.0F, 1.0F, 1e30F}) {
    for (const size_t count : {0, 1, 15, 16, 17, 333}) {
      const std::vector<float> rows(count * 3, value);
      auto items = numbers(count);
      gather(RowsView{rows.data(), count, 3}, items, 16);
      std::ranges::sort(items);
      EXPECT_EQ(items, numbers(count));
    }
  }
}

}  // namespace
}  // namespace palate
