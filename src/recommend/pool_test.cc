#include "recommend/pool.h"

#include <algorithm>
#include <limits>
#include <map>

#include <gtest/gtest.h>

#include "math/philox.h"

namespace palate {
namespace {

bool before(const PoolItem& a, const PoolItem& b) {
  return a.score != b.score ? a.score > b.score : a.item < b.item;
}

void expect_same(const PoolItem& a, const PoolItem& b) {
  EXPECT_EQ(a.item, b.item);
  EXPECT_EQ(a.sources, b.sources);
  EXPECT_EQ(a.retrieval, b.retrieval);
  EXPECT_EQ(a.score, b.score);
  EXPECT_EQ(a.again, b.again);
}

// Sources propose items of a small and of a large catalogue; a map adds up in the same order.
TEST(CandidatePool, MergesAsAMapDoesAndSortsAsStdSortDoes) {
  CandidatePool pool;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Philox random(seed, 7);
    pool.clear();
    std::map<uint32_t, PoolItem> merged;
    const uint32_t catalogue = seed % 2 == 0 ? 50 : 0xffff'fff0;
    const uint32_t sources = random.below(6);
    for (uint32_t source = 0; source < sources; ++source) {
      std::vector<Scored> list(random.below(200));
      for (Scored& one : list) one = {{random.below(catalogue)}, 0};
      pool.propose(list, {.stage = source, .weight = 1.0 + source, .again = source == 3});
    }
    for (const PoolItem& one : pool.items) {
      PoolItem& sum = merged.try_emplace(one.item.value, PoolItem{.item = one.item}).first->second;
      sum.sources |= one.sources;
      sum.retrieval += one.retrieval;
      sum.again |= one.again;
    }
    pool.merge();
    std::vector<PoolItem> expected;
    for (const auto& [item, one] : merged) expected.push_back(one);
    for (PoolItem& one : expected) one.score = one.retrieval;
    std::ranges::sort(expected, before);
    ASSERT_EQ(pool.items.size(), expected.size());
    EXPECT_EQ(pool.head, expected.size());
    for (size_t i = 0; i < expected.size(); ++i) expect_same(pool.items[i], expected[i]);
  }
}

TEST(CandidatePool, SortsScoresOfEitherSignWithTiesByItem) {
  constexpr float kLeast = std::numeric_limits<float>::lowest();
  const std::vector<float> scores{0.0F,   -0.0F,   1,    -1,   1e-40F, -1e-40F,
                                  kLeast, -kLeast, 0.5F, 0.5F, -2,     0.0F};
  CandidatePool pool;
  Philox random(1);
  for (int round = 0; round < 20; ++round) {
    pool.clear();
    for (uint32_t i = 0; i < 300; ++i) {
      const float score = scores[random.below(static_cast<uint32_t>(scores.size()))];
      pool.items.push_back({.item = {(i * 77) % 300}, .score = score});
    }
    std::vector<PoolItem> expected = pool.items;
    std::ranges::sort(expected, before);
    pool.sort();
    for (size_t i = 0; i < expected.size(); ++i) expect_same(pool.items[i], expected[i]);
  }
}

}  // namespace
}  // namespace palate
