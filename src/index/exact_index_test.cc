#include "index/exact_index.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "math/philox.h"
#include "math/plain.h"

namespace palate {
namespace {

struct World {
  static constexpr size_t kItems = 203, kDim = 24;
  std::vector<float> items = std::vector<float>(kItems * kDim);
  World() {
    Philox random(5);
    for (float& value : items) value = static_cast<float>(random.normal());
  }
  [[nodiscard]] RowsView rows() const { return {items.data(), kItems, kDim}; }
};

TEST(ExactIndex, FindsWhatSortingFinds) {
  const World world;
  const ExactIndex index(world.rows());
  const float* vector = world.rows().row(17);
  const ExactIndex::Query query{vector, {}, 12};
  const auto list = index.top_k({&query, 1})[0];
  ASSERT_EQ(list.size(), 12u);
  std::vector<ScoredIndex> all;
  for (uint32_t i = 0; i < World::kItems; ++i) {
    all.push_back({static_cast<float>(plain::dot(world.rows().row(i), vector, World::kDim)), i});
  }
  std::ranges::sort(all, better);
  for (size_t i = 0; i < list.size(); ++i) {
    EXPECT_EQ(list[i].index, all[i].index) << i;
    EXPECT_NEAR(list[i].score, all[i].score, 1e-4) << i;
  }
}

TEST(ExactIndex, ABatchGivesTheSameBitsWithEachItsOwnFilterAndLength) {
  const World world;
  const std::vector<uint64_t> absent{0b1001};
  const ExactIndex index(world.rows(), absent);
  std::vector<std::vector<uint64_t>> blocked;
  for (uint64_t q = 0; q < 31; ++q) blocked.push_back({q * 0x0101010101, ~uint64_t{0} >> q});
  std::vector<ExactIndex::Query> queries;
  for (size_t q = 0; q < blocked.size(); ++q) {
    queries.push_back({world.rows().row(q), blocked[q], q * 7});
  }
  const auto together = index.top_k(queries);
  for (size_t q = 0; q < queries.size(); ++q) {
    EXPECT_EQ(together[q], index.top_k({&queries[q], 1})[0]) << q;
    EXPECT_LE(together[q].size(), q * 7);
    for (const ScoredIndex& entry : together[q]) {
      EXPECT_NE(entry.index, 0u);
      EXPECT_NE(entry.index, 3u);
      if (entry.index < 128) {
        EXPECT_EQ(blocked[q][entry.index / 64] >> (entry.index % 64) & 1, 0u);
      }
    }
  }
  EXPECT_TRUE(index.top_k({}).empty());
}

TEST(ExactIndex, NormalizedRowsHaveLengthOneAndZerosStay) {
  std::vector<float> items{3, 4, 0, 0};
  const auto out = normalized({items.data(), 2, 2});
  EXPECT_FLOAT_EQ(out[0], 0.6F);
  EXPECT_FLOAT_EQ(out[1], 0.8F);
  EXPECT_EQ(out[2], 0);
  EXPECT_EQ(out[3], 0);
}

}  // namespace
}  // namespace palate
