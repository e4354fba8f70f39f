#include "index/exact_index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "math/panels.h"
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
  all.push_back(all.back());
  all.back().nearly_min = 0;  // another order of the rows, for queries that want the best
  return all;
}

TEST(ExactIndex, FindsWhatSortingFinds) {
  const World world;
  for (const auto& options : all_options()) {
    const ExactIndex index(world.rows(), options);
    const std::span vector(world.rows().row(17), World::kDim);
    const ExactIndex::Query query{vector, {}, 12};
    const auto list = index.top_k({&query, 1})[0];
    ASSERT_EQ(list.size(), 12u);
    std::vector<ScoredIndex> all;
    for (uint32_t i = 0; i < World::kItems; ++i) {
      all.push_back(
          {static_cast<float>(plain::dot(world.rows().row(i), vector.data(), World::kDim)), i});
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
    queries.push_back({{world.rows().row(q), World::kDim}, blocked[q], q * 7});
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
    const ExactIndex index(RowsView{items.data(), 3, 2}, options);
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

Similarity draw_similarity(Philox& random) {
  constexpr std::array kAll{Similarity::kInnerProduct, Similarity::kCosine, Similarity::kDistance};
  return kAll[random.below(3)];
}

void compare_every_way(Philox& random, ScanCounts& counts) {
  const size_t dim = 1 + random.below(300), items = random.below(1500), count = random.below(20);
  const auto similarity = draw_similarity(random);
  const auto rows = draw_rows(random, items, dim, draw_kinds(random, 7));
  const auto vectors = draw_rows(random, count, dim, draw_kinds(random, 10));
  std::vector<std::vector<uint64_t>> blocked;
  std::vector<ExactIndex::Query> queries;
  for (size_t q = 0; q < count; ++q) blocked.push_back(draw_bits(random, items));
  for (size_t q = 0; q < count; ++q) {
    constexpr std::array<size_t, 6> kLengths{0, 1, 10, 50, 180, 2000};
    queries.push_back({{vectors.data() + q * dim, dim}, blocked[q], kLengths[random.below(6)]});
  }
  std::vector<std::vector<ScoredIndex>> expected;
  for (const auto& options : all_options(similarity, draw_bits(random, items))) {
    const ExactIndex index(RowsView{rows.data(), items, dim}, options);
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
      const ExactIndex index(RowsView{rows.data(), kItems, kDim}, options);
      const ExactIndex::Query query{{rows.data(), kDim}, {}, 10};
      lists.push_back(index.top_k({&query, 1})[0]);
      EXPECT_EQ(lists.back(), lists.front());
      for (const ScoredIndex& entry : lists.back()) EXPECT_FALSE(std::isnan(entry.score));
    }
    EXPECT_EQ(lists[0].size(), 10u);
  }
}

std::vector<uint16_t> in_bf16(std::span<const float> values) {
  std::vector<uint16_t> out;
  for (const float value : values) out.push_back(to_bf16(value));
  return out;
}

// Rows in bf16 and in 8 bits answer as the fp32 rows do that they widen to.
void compare_widths(Philox& random) {
  const size_t dim = 1 + random.below(100), items = random.below(1500);
  const auto similarity = draw_similarity(random);
  const auto rows = draw_rows(random, items, dim, draw_kinds(random, 7));
  const auto vectors = draw_rows(random, 14, dim, draw_kinds(random, 10));
  const auto blocked = draw_bits(random, items);
  std::vector<ExactIndex::Query> queries;
  for (size_t q = 0; q < 14; ++q) {
    const std::span<const uint64_t> filter = q % 3 == 0 ? blocked : std::span<const uint64_t>{};
    queries.push_back({std::span(vectors).subspan(q * dim, dim), filter, q * 5});
  }
  const auto halves = in_bf16(rows);
  std::vector<int8_t> codes(items * dim);
  std::vector<float> scales(items), wide(items * dim);
  for (size_t i = 0; i < items; ++i) {
    scales[i] = to_int8(std::span(rows).subspan(i * dim, dim), codes.data() + i * dim);
  }
  StoredRows quarters(codes.data(), items, dim, Width::kInt8);
  quarters.scale = scales.data();
  for (const StoredRows& narrow : {StoredRows(halves.data(), items, dim, Width::kBf16), quarters}) {
    for (size_t i = 0; i < items; ++i) widen_row(narrow, i, wide.data() + i * dim);
    // Lengths come from the codes, so that a scale changes nothing but by rounding.
    if (similarity == Similarity::kCosine && narrow.scale != nullptr) continue;
    const RowsView twin{wide.data(), items, dim};
    const auto expected = ExactIndex(twin, {.similarity = similarity, .kernel = nullptr});
    const auto lists = expected.top_k(queries);
    for (const auto& options : all_options(similarity)) {
      const auto found = ExactIndex(narrow, options).top_k(queries);
      for (size_t q = 0; q < queries.size(); ++q) ASSERT_EQ(found[q], lists[q]) << "query " << q;
    }
  }
}

TEST(ExactIndex, NarrowRowsGiveTheBitsOfTheRowsTheyWidenTo) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Philox random(seed, 21);
    compare_widths(random);
  }
}

TEST(ExactIndex, DistanceFindsTheNearestAndTiesGoToTheFirst) {
  const std::vector<float> items{3, 4, 0, 0, 0, 0, -1, 0, 100, 100};
  const float vector[] = {0, 0};
  const ExactIndex::Query query{vector, {}, 9};
  for (const auto& options : all_options(Similarity::kDistance)) {
    const auto list = ExactIndex(RowsView{items.data(), 5, 2}, options).top_k({&query, 1})[0];
    const std::vector<ScoredIndex> expected{{0, 1}, {0, 2}, {-1, 3}, {-25, 0}, {-20000, 4}};
    EXPECT_EQ(list, expected);
  }
}

// A cloud far away from the origin: lengths say nothing, expanded squares would cancel.
TEST(ExactIndex, DistancesFarFromTheOriginAreNotLostToCancellation) {
  constexpr size_t kItems = 2'000, kDim = 8;
  Philox random(12);
  std::vector<float> rows(kItems * kDim);
  for (float& value : rows) value = 10'000 + static_cast<float>(random.normal());
  const ExactIndex::Query query{{rows.data() + 70 * kDim, kDim}, {}, 6};
  std::vector<ScoredIndex> all;
  for (uint32_t i = 0; i < kItems; ++i) {
    double square = 0;
    for (size_t d = 0; d < kDim; ++d) {
      const double off = double{query.vector[d]} - double{rows[i * kDim + d]};
      square += off * off;
    }
    all.push_back({static_cast<float>(-square), i});
  }
  std::ranges::sort(all, better);
  for (const auto& options : all_options(Similarity::kDistance)) {
    const ExactIndex index(RowsView{rows.data(), kItems, kDim}, options);
    const auto list = index.top_k({&query, 1})[0];
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(list[i].index, all[i].index);
      EXPECT_NEAR(list[i].score, all[i].score, 1e-5 * std::abs(all[i].score));
    }
  }
}

TEST(ExactIndex, FiltersThatLeaveNothingAFewOrEverything) {
  constexpr size_t kItems = 3'000, kDim = 12;
  Philox random(13);
  std::vector<float> rows(kItems * kDim);
  for (float& value : rows) value = static_cast<float>(random.normal());
  const std::vector<uint64_t> nothing((kItems + 63) / 64, ~uint64_t{0}), everything(47, 0);
  std::vector<uint64_t> few = nothing;
  for (const size_t item : {0, 63, 64, 1'999, 2'999}) few[item / 64] ^= uint64_t{1} << item % 64;
  const std::vector<uint64_t> absent{1};  // item 0
  for (const auto& options : all_options(Similarity::kInnerProduct, absent)) {
    const ExactIndex index(RowsView{rows.data(), kItems, kDim}, options);
    const auto ask = [&](std::span<const uint64_t> blocked) {
      const ExactIndex::Query query{{rows.data(), kDim}, blocked, 8};
      return index.top_k({&query, 1})[0];
    };
    EXPECT_TRUE(ask(nothing).empty());
    EXPECT_EQ(ask(everything), ask({}));
    EXPECT_EQ(ask(everything).size(), 8u);
    std::vector<uint32_t> items;
    for (const ScoredIndex& entry : ask(few)) {
      items.push_back(entry.index);
      EXPECT_NEAR(entry.score, plain::dot(rows.data(), rows.data() + entry.index * kDim, kDim),
                  1e-4);
    }
    EXPECT_THAT(items, testing::UnorderedElementsAre(63u, 64u, 1'999u, 2'999u));
  }
}

TEST(ExactIndexDeathTest, AQueryOfAnotherDimensionIsAProgrammersError) {
  const World world;
  const ExactIndex index(world.rows());
  const ExactIndex::Query query{{world.items.data(), World::kDim - 1}, {}, 3};
  EXPECT_DEATH((void)index.top_k({&query, 1}), "another dimension");
}

// The properties above must be able to notice a bound that is a tenth too small. Rows drawn at
// random hardly can: Cauchy and Schwarz are far too careful with them. So here all roundings of the
// best item go down and all of the second one go up, by nearly a half of the step, which is 1.
std::vector<float> draw_worst_case(Philox& random, uint32_t best, uint32_t second) {
  constexpr size_t kItems = 256, kDim = 16;
  std::vector<float> rows(kItems * kDim, -50.0F);
  const float off = 0.5F - 0.001F - 0.01F * static_cast<float>(random.uniform());
  const size_t odd = random.below(kDim);
  for (size_t d = 0; d < kDim; ++d) {
    rows[best * kDim + d] = 20 + off;
    rows[second * kDim + d] = (d == odd ? 20 : 21) - off;
  }
  const size_t longest = (std::max(best, second) + 1) % kItems;
  rows[longest * kDim] = 127;  // the step of the block
  return rows;
}

size_t wrong_answers(double trust, const ScreenKernel& kernel) {
  size_t wrong = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Philox random(seed, 22);
    const uint32_t best = random.below(128), second = 128 + random.below(127);
    const auto rows = draw_worst_case(random, best, second);
    const std::vector<float> vector(16, 1.0F);
    TopK found(1);
    const PanelQuery asked{vector.data(), {}, &found};
    const auto screened =
        ScreenedRows::make(RowsView{rows.data(), 256, 16}, {}, {.kernel = &kernel, .trust = trust});
    ScanCounts counts;
    EXPECT_TRUE(screened->top_k({&asked, 1}, counts).empty());
    wrong += found.take()[0].index != best ? 1 : 0;
  }
  return wrong;
}

TEST(ExactIndex, ABoundATenthTooSmallIsNoticed) {
  for (const ScreenKernel& kernel : screen_kernels()) {
    SCOPED_TRACE(kernel.name);
    EXPECT_EQ(wrong_answers(1, kernel), 0u);
    EXPECT_EQ(wrong_answers(0.9, kernel), 20u);
  }
}

// That all this is for something: little is scored again, and long rows end the scan.
TEST(ExactIndex, LittleIsScoredTwiceAndShortRowsAreNotLookedAt) {
  if (!screen_kernels().front().fast) GTEST_SKIP() << "no 8-bit kernel for this processor";
  constexpr size_t kItems = 20'000, kDim = 64;
  Philox random(9);
  std::vector<float> rows(kItems * kDim);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(random.normal());
  const ExactIndex::Query query{{rows.data(), kDim}, {}, 10};
  ScanCounts alike, spread;
  const ExactIndex index(RowsView{rows.data(), kItems, kDim});
  EXPECT_EQ(index.top_k({&query, 1}, &alike)[0].size(), 10u);
  EXPECT_EQ(alike.in_fp32, 0u);
  EXPECT_GE(alike.screened, kItems);
  EXPECT_LT(alike.rescored, 40u);
  for (size_t i = 0; i < kItems; ++i) {
    for (size_t d = 0; d < kDim; ++d) rows[i * kDim + d] /= 1.0F + static_cast<float>(i) / 50;
  }
  const ExactIndex falling(RowsView{rows.data(), kItems, kDim});
  EXPECT_EQ(falling.top_k({&query, 1}, &spread)[0].size(), 10u);
  EXPECT_LT(spread.screened, kItems / 4);
}

// Rows about so many centres, of lengths that differ; every centre has some rows.
std::vector<float> draw_groups(Philox& random, size_t count, size_t dim, size_t groups) {
  std::vector<float> centres(groups * dim), rows(count * dim);
  for (float& value : centres) value = static_cast<float>(random.normal());
  for (size_t i = 0; i < count; ++i) {
    const auto length = std::exp(0.3F * static_cast<float>(random.normal()));
    for (size_t d = 0; d < dim; ++d) {
      rows[i * dim + d] =
          length * (centres[i % groups * dim + d] + 0.5F * static_cast<float>(random.normal()));
    }
  }
  return rows;
}

struct Nearly {
  static constexpr size_t kItems = 30'000, kDim = 32, kK = 50;
  std::vector<float> rows, vectors;
  std::vector<uint64_t> blocked;
  ScanCounts counts;
  size_t found = 0, wanted = 0;

  // 40 queries, each with and without a filter of a half.
  explicit Nearly(size_t groups, Similarity similarity) {
    Philox random(31);
    rows = groups > 0 ? draw_groups(random, kItems, kDim, groups)
                      : draw_rows(random, kItems, kDim, {0});
    for (size_t i = 0; i <= kItems / 64; ++i) blocked.push_back(random.bits64());
    const RowsView table{rows.data(), kItems, kDim};
    const ExactIndex index(table, {.similarity = similarity, .nearly_min = 0});
    const ExactIndex again(table, {.similarity = similarity, .nearly_min = 0});
    for (size_t q = 0; q < 80; ++q) {
      const std::span vector(table.row(q * 300), kDim);
      ask(index, again, {vector, q % 2 == 0 ? std::span<const uint64_t>{} : blocked, kK});
    }
  }

  void ask(const ExactIndex& index, const ExactIndex& again, ExactIndex::Query query) {
    const auto best = index.top_k({&query, 1})[0];
    query.nearly = true;
    const auto list = index.top_k({&query, 1}, &counts)[0];
    EXPECT_EQ(list, again.top_k({&query, 1})[0]);
    EXPECT_EQ(list.size(), kK);
    EXPECT_TRUE(std::ranges::is_sorted(list, better));
    const float last = best.back().score;
    for (const ScoredIndex& one : list) {
      const bool filtered = !query.blocked.empty();
      EXPECT_FALSE(filtered && (query.blocked[one.index / 64] >> one.index % 64 & 1) != 0);
      // Exact scores: whoever is as good as the last of the best is one of them, to the bit.
      EXPECT_EQ(one.score >= last, std::ranges::count(best, one) == 1);
      found += static_cast<size_t>(std::ranges::count(best, one));
    }
    wanted += best.size();
  }
  [[nodiscard]] double recall() const {
    return static_cast<double>(found) / static_cast<double>(wanted);
  }
  [[nodiscard]] double looked_at() const {
    return static_cast<double>(counts.screened) / static_cast<double>(counts.queries * kItems);
  }
};

TEST(NearlyTheBest, AreFoundInAFewBlocksWhereRowsLieInGroups) {
  if (!screen_kernels().front().fast) GTEST_SKIP() << "no 8-bit kernel for this processor";
  for (const auto similarity : {Similarity::kInnerProduct, Similarity::kCosine}) {
    const Nearly nearly(12, similarity);
    EXPECT_EQ(nearly.counts.nearly, 80u);
    EXPECT_GT(nearly.recall(), 0.97);
    EXPECT_LT(nearly.looked_at(), 0.25);
  }
}

// The hardest: groups that stand apart, each as large as a block. Medians cut through them, and a
// few rows of a group in a block of others promise nothing.
TEST(NearlyTheBest, AreMostlyFoundWhereBlocksMixGroups) {
  if (!screen_kernels().front().fast) GTEST_SKIP() << "no 8-bit kernel for this processor";
  EXPECT_GT(Nearly(60, Similarity::kCosine).recall(), 0.75);
}

// Nothing to gather: all is looked at, and found.
TEST(NearlyTheBest, AreFoundWhereRowsLieAnywhere) {
  if (!screen_kernels().front().fast) GTEST_SKIP() << "no 8-bit kernel for this processor";
  const Nearly nearly(0, Similarity::kInnerProduct);
  EXPECT_GT(nearly.recall(), 0.99);
}

TEST(NearlyTheBest, AreTheBestOfFewAndOfDistances) {
  const World world;
  for (auto options : all_options(Similarity::kDistance)) {
    options.nearly_min = World::kItems;
    const ExactIndex index(world.rows(), options);
    ExactIndex::Query query{{world.rows().row(3), World::kDim}, {}, 9};
    const auto best = index.top_k({&query, 1});
    query.nearly = true;
    EXPECT_EQ(index.top_k({&query, 1}), best);
  }
}

TEST(ExactIndex, DuplicatesByTheThousandAreAnsweredInFp32) {
  constexpr size_t kItems = 9'000, kDim = 16;
  const std::vector<float> rows(kItems * kDim, 0.5F);
  const ExactIndex::Query query{{rows.data(), kDim}, {}, 5};
  for (const auto& options : all_options()) {
    ScanCounts counts;
    const auto list =
        ExactIndex(RowsView{rows.data(), kItems, kDim}, options).top_k({&query, 1}, &counts);
    EXPECT_EQ(counts.in_fp32, 1u);
    for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(list[0][i], (ScoredIndex{4, i}));
  }
}

}  // namespace
}  // namespace palate
