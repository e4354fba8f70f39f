#include "math/panels.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "math/every_target.h"
#include "math/philox.h"
#include "math/plain.h"

namespace palate {
namespace {

// Small whole numbers: scores are exact, and many are equal.
std::vector<float> draw_ties(size_t count, uint64_t stream) {
  Philox random(7, stream);
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(random.below(5)) - 2;
  return out;
}

std::vector<ScoredIndex> sorted_scores(const RowsView& items, const float* query,
                                       std::span<const uint64_t> blocked,
                                       Measure measure = Measure::kProduct) {
  std::vector<ScoredIndex> all;
  for (uint32_t i = 0; i < items.count; ++i) {
    if (i / 64 < blocked.size() && (blocked[i / 64] >> (i % 64) & 1) != 0) continue;
    const double score = measure == Measure::kProduct
                             ? plain::dot(items.row(i), query, items.dim)
                             : -plain::squared_distance(items.row(i), query, items.dim);
    all.push_back({static_cast<float>(score), i});
  }
  std::ranges::sort(all, better);
  return all;
}

TEST(TopK, KeepsTheBestInOrder) {
  Philox random(1);
  for (size_t k : {0, 1, 3, 10, 200}) {
    TopK top(k);
    std::vector<ScoredIndex> all;
    for (uint32_t i = 0; i < 100; ++i) {
      all.push_back({static_cast<float>(random.below(8)), i});
      top.push(all.back().score, i);
    }
    top.push(std::numeric_limits<float>::quiet_NaN(), 1000);
    std::ranges::sort(all, better);
    all.resize(std::min(k, all.size()));
    EXPECT_EQ(top.take(), all) << k;
  }
}

void compare_with_sorting(size_t count, size_t dim, Measure measure) {
  const auto items = draw_ties(count * dim, count), vectors = draw_ties(29 * dim, 99);
  const RowsView rows{items.data(), count, dim};
  const auto panels = pack_panels(rows);
  const std::vector<uint64_t> blocked(2, 0x00ff00f00f0f0f0f), absent(1, 0x10101);
  std::vector<TopK> best(29, TopK(11));
  std::vector<PanelQuery> queries;
  for (size_t q = 0; q < best.size(); ++q) {
    const auto mask = q % 2 == 0 ? std::span<const uint64_t>(blocked) : std::span<const uint64_t>{};
    queries.push_back({vectors.data() + q * dim, mask, &best[q]});
  }
  const PanelTable table{panels.data(), count, dim, absent, 0, measure};
  const size_t all_panels = (count + 15) / 16;
  top_k_panels(table, queries, 0, all_panels / 2);
  top_k_panels(table, queries, all_panels / 2, all_panels);
  for (size_t q = 0; q < best.size(); ++q) {
    std::vector<uint64_t> mask{absent[0], 0};
    if (q % 2 == 0) mask = {absent[0] | blocked[0], blocked[1]};
    auto expected = sorted_scores(rows, queries[q].vector, mask, measure);
    expected.resize(std::min<size_t>(expected.size(), 11));
    ASSERT_EQ(best[q].take(), expected) << count << " items, dim " << dim << ", query " << q;
  }
}

TEST(Panels, TopKEqualsSortingEverything) {
  for_every_target([] {
    for (const Measure measure : {Measure::kProduct, Measure::kDistance}) {
      for (const size_t count : {1, 15, 16, 17, 300, 1000}) {
        for (const size_t dim : {1, 5, 16, 64}) compare_with_sorting(count, dim, measure);
      }
    }
  });
}

TEST(Panels, AScoreIsTheSameBitsOnEveryPath) {
  for_every_target([] {
    for (const Measure measure : {Measure::kProduct, Measure::kDistance}) {
      constexpr size_t kCount = 100, kDim = 48;
      Philox random(3);
      std::vector<float> items(kCount * kDim), query(kDim);
      for (float& value : items) value = static_cast<float>(random.normal());
      for (float& value : query) value = static_cast<float>(random.normal());
      const RowsView rows{items.data(), kCount, kDim};
      const auto panels = pack_panels(rows);
      std::vector<TopK> best(18, TopK(kCount));
      std::vector<PanelQuery> queries;
      for (TopK& top : best) queries.push_back({query.data(), {}, &top});
      top_k_panels({panels.data(), kCount, kDim, {}, 0, measure}, queries, 0, (kCount + 15) / 16);
      const auto first = best[0].take();
      ASSERT_EQ(first.size(), kCount);
      for (size_t q = 1; q < best.size(); ++q) EXPECT_EQ(best[q].take(), first) << q;
      std::vector<uint32_t> index;
      for (const ScoredIndex& entry : first) index.push_back(entry.index);
      std::vector<float> scores(kCount);
      score_rows(rows, index, {query.data(), measure}, scores.data());
      for (size_t i = 0; i < kCount; ++i) {
        EXPECT_EQ(std::bit_cast<uint32_t>(scores[i]), std::bit_cast<uint32_t>(first[i].score)) << i;
      }
    }
  });
}

TEST(Panels, ScaledRowsArePackedAndScoredAlike) {
  for_every_target([] {
    for (const auto& [dim, measure] : {std::pair<size_t, Measure>{1, Measure::kProduct},
                                       {7, Measure::kDistance},
                                       {48, Measure::kProduct},
                                       {48, Measure::kDistance}}) {
      constexpr size_t kCount = 37;
      const auto items = draw_ties(kCount * dim, 4), query = draw_ties(dim, 5);
      std::vector<float> scale(kCount);
      for (size_t i = 0; i < kCount; ++i) scale[i] = 1.0F / static_cast<float>(i + 1);
      const RowsView rows{items.data(), kCount, dim};
      const StoredRows table(rows, scale.data());
      // In two parts, the second named from where it begins.
      TopK best(kCount);
      PanelQuery asked{query.data(), {}, &best};
      for (const auto& [begin, end] : {std::pair<size_t, size_t>{0, 16}, {16, kCount}}) {
        std::vector<float> packed(2 * kPanelItems * dim, std::nanf(""));
        pack_panels(table, begin, end, packed.data());
        top_k_panels({packed.data(), end - begin, dim, {}, begin, measure}, {&asked, 1}, 0,
                     (end - begin + 15) / 16);
      }
      const auto list = best.take();
      ASSERT_EQ(list.size(), kCount);
      for (const ScoredIndex& entry : list) {
        float score = 0;
        score_rows(table, {&entry.index, 1}, {query.data(), measure}, &score);
        EXPECT_EQ(score, entry.score);
        std::vector<float> row(dim);
        widen_row(table, entry.index, row.data());
        const double exact = measure == Measure::kProduct
                                 ? plain::dot(row.data(), query.data(), dim)
                                 : -plain::squared_distance(row.data(), query.data(), dim);
        EXPECT_NEAR(score, exact, 1e-5 * static_cast<double>(dim));
      }
    }
  });
}

}  // namespace
}  // namespace palate
