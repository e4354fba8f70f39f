#include "index/exact_index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

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

// Every way of the index: in fp32, and in 8 bits by each kernel, however few the items.
std::vector<ExactIndexOptions> all_options(Similarity similarity = Similarity::kInnerProduct,
                                           std::vector<uint64_t> absent = {}) {
  std::vector<ExactIndexOptions> all{{similarity, absent, nullptr, 0}};
  static std::vector<ScreenKernel> kernels(screen_kernels().begin(), screen_kernels().end());
  for (ScreenKernel& kernel : kernels) {
    kernel.fast = true;  // the plain twin too
    all.push_back({similarity, absent, &kernel, 0});
  }
  return all;
}

TEST(ExactIndex, FindsWhatSortingFinds) {
  const World world;
  for (const auto& options : all_options()) {
    const ExactIndex index(world.rows(), options);
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
}

TEST(ExactIndex, ABatchGivesTheSameBitsWithEachItsOwnFilterAndLength) {
  const World world;
  const std::vector<uint64_t> absent{0b1001};
  std::vector<std::vector<uint64_t>> blocked;
  for (uint64_t q = 0; q < 31; ++q) blocked.push_back({q * 0x0101010101, ~uint64_t{0} >> q});
  std::vector<ExactIndex::Query> queries;
  for (size_t q = 0; q < blocked.size(); ++q) {
    queries.push_back({world.rows().row(q), blocked[q], q * 7});
  }
  for (const auto& options : all_options(Similarity::kInnerProduct, absent)) {
    const ExactIndex index(world.rows(), options);
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
}

TEST(ExactIndex, CosineCountsRowsAsOfLengthOneAndZerosStay) {
  const std::vector<float> items{3, 4, 0, 0, -30, 0.5};
  const float vector[] = {1, 0};
  const ExactIndex::Query query{vector, {}, 3};
  for (const auto& options : all_options(Similarity::kCosine)) {
    const ExactIndex index({items.data(), 3, 2}, options);
    const auto list = index.top_k({&query, 1})[0];
    ASSERT_EQ(list.size(), 3u);
    EXPECT_EQ(list[0].index, 0u);
    EXPECT_FLOAT_EQ(list[0].score, 0.6F);
    EXPECT_EQ(list[1], (ScoredIndex{0, 1}));
    EXPECT_NEAR(list[2].score, -0.99986, 1e-5);
  }
}

// Rows of one kind each, chosen to hurt: wide scales, zeros, duplicates, small whole numbers with
// many ties, one dimension that drowns the others, denormals, values that are not finite.
float draw_value(Philox& random, size_t kind, size_t d) {
  const auto normal = static_cast<float>(random.normal());
  switch (kind) {
    case 0:
      return normal;
    case 1:
      return normal * std::exp(static_cast<float>(random.normal()) * 5);
    case 2:
      return 0;
    case 3:
      return static_cast<float>(random.below(3)) - 1;
    case 4:
      return d == 0 ? 1000 + normal : normal * 0.01F;
    case 5:
      return normal * 1e-42F;
    case 6:
      return normal * 1e18F;
    case 7:
      return d == 1 ? std::numeric_limits<float>::infinity() : normal;
    case 8:
      return d == 1 ? std::nanf("") : normal;
    default:
      return normal * 1e30F;
  }
}

std::vector<float> draw_rows(Philox& random, size_t count, size_t dim,
                             const std::vector<size_t>& kinds) {
  std::vector<float> rows(count * dim);
  for (size_t i = 0; i < count; ++i) {
    const size_t kind = kinds[random.below(static_cast<uint32_t>(kinds.size()))];
    const bool twin = i > 0 && kind % 2 == 1 && random.below(4) == 0;
    const size_t of = random.below(static_cast<uint32_t>(i) + 1);
    for (size_t d = 0; d < dim; ++d) {
      rows[i * dim + d] = twin ? rows[of * dim + d] : draw_value(random, kind, d);
    }
  }
  return rows;
}

std::vector<uint64_t> draw_bits(Philox& random, size_t items) {
  const uint32_t density = random.below(5);  // nothing, few, half, most, all
  std::vector<uint64_t> bits(random.below(static_cast<uint32_t>((items + 63) / 64 + 2)));
  for (uint64_t& word : bits) {
    const uint64_t a = random.bits64(), b = random.bits64(), c = random.bits64();
    const uint64_t by_density[] = {0, a & b & c, a, a | b | c, ~uint64_t{0}};
    word = by_density[density];
  }
  return bits;
}

std::vector<size_t> draw_kinds(Philox& random, size_t end) {
  std::vector<size_t> kinds(1 + random.below(3));
  for (size_t& kind : kinds) kind = random.below(static_cast<uint32_t>(end));
  return kinds;
}

void compare_every_way(Philox& random, ScanCounts& counts) {
  const size_t dim = 1 + random.below(300), items = random.below(1500), count = random.below(20);
  const auto similarity = random.below(2) == 0 ? Similarity::kInnerProduct : Similarity::kCosine;
  const auto rows = draw_rows(random, items, dim, draw_kinds(random, 7));
  const auto vectors = draw_rows(random, count, dim, draw_kinds(random, 10));
  std::vector<std::vector<uint64_t>> blocked;
  std::vector<ExactIndex::Query> queries;
  for (size_t q = 0; q < count; ++q) blocked.push_back(draw_bits(random, items));
  for (size_t q = 0; q < count; ++q) {
    constexpr std::array<size_t, 6> kLengths{0, 1, 10, 50, 180, 2000};
    queries.push_back({vectors.data() + q * dim, blocked[q], kLengths[random.below(6)]});
  }
  std::vector<std::vector<ScoredIndex>> expected;
  for (const auto& options : all_options(similarity, draw_bits(random, items))) {
    const ExactIndex index({rows.data(), items, dim}, options);
    const auto lists = index.top_k(queries, options.kernel == nullptr ? nullptr : &counts);
    if (options.kernel == nullptr) expected = lists;
    for (size_t q = 0; q < count; ++q) {
      ASSERT_EQ(lists[q], expected[q]) << "query " << q << ", k " << queries[q].k;
    }
  }
}

TEST(ExactIndex, EveryWayGivesTheBitsOfFp32) {
  ScanCounts counts;
  for (uint64_t seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Philox random(seed, 20);
    compare_every_way(random, counts);
  }
  EXPECT_LT(counts.in_fp32, 3 * counts.queries / 4);  // enough was left to compare
}

TEST(ExactIndex, RowsThatAreNotFiniteAreLeftToFp32) {
  Philox random(8);
  for (const size_t kind : {7, 8, 9}) {
    constexpr size_t kItems = 700, kDim = 20;
    std::vector<float> rows(kItems * kDim);
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i] = draw_value(random, i / kDim == 600 ? kind : 0, i % kDim);
    }
    std::vector<std::vector<ScoredIndex>> lists;
    for (const auto& options : all_options()) {
      const ExactIndex index({rows.data(), kItems, kDim}, options);
      const ExactIndex::Query query{rows.data(), {}, 10};
      lists.push_back(index.top_k({&query, 1})[0]);
      EXPECT_EQ(lists.back(), lists.front());
      for (const ScoredIndex& entry : lists.back()) EXPECT_FALSE(std::isnan(entry.score));
    }
    EXPECT_EQ(lists[0].size(), 10u);
  }
}

// That all this is for something: little is scored again, and long rows end the scan.
TEST(ExactIndex, LittleIsScoredTwiceAndShortRowsAreNotLookedAt) {
  if (!screen_kernels().front().fast) GTEST_SKIP() << "no 8-bit kernel for this processor";
  constexpr size_t kItems = 20'000, kDim = 64;
  Philox random(9);
  std::vector<float> rows(kItems * kDim);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(random.normal());
  const ExactIndex::Query query{rows.data(), {}, 10};
  ScanCounts alike, spread;
  const ExactIndex index({rows.data(), kItems, kDim});
  EXPECT_EQ(index.top_k({&query, 1}, &alike)[0].size(), 10u);
  EXPECT_EQ(alike.in_fp32, 0u);
  EXPECT_GE(alike.screened, kItems);
  EXPECT_LT(alike.rescored, 40u);
  for (size_t i = 0; i < kItems; ++i) {
    for (size_t d = 0; d < kDim; ++d) rows[i * kDim + d] /= 1.0F + static_cast<float>(i) / 50;
  }
  const ExactIndex falling({rows.data(), kItems, kDim});
  EXPECT_EQ(falling.top_k({&query, 1}, &spread)[0].size(), 10u);
  EXPECT_LT(spread.screened, kItems / 4);
}

TEST(ExactIndex, DuplicatesByTheThousandAreAnsweredInFp32) {
  constexpr size_t kItems = 9'000, kDim = 16;
  const std::vector<float> rows(kItems * kDim, 0.5F);
  const ExactIndex::Query query{rows.data(), {}, 5};
  for (const auto& options : all_options()) {
    ScanCounts counts;
    const auto list = ExactIndex({rows.data(), kItems, kDim}, options).top_k({&query, 1}, &counts);
    EXPECT_EQ(counts.in_fp32, 1u);
    for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(list[0][i], (ScoredIndex{4, i}));
  }
}

}  // namespace
}  // namespace palate
