#include "math/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "math/bootstrap.h"
#include "math/philox.h"

namespace palate {
namespace {

// The formulas once more, straight from the papers, over sets and maps.
RankingMetrics reference(const std::vector<uint32_t>& ranked, const std::map<uint32_t, double>& rel,
                         size_t k) {
  RankingMetrics out;
  std::set<uint32_t> found;
  double dcg = 0, idcg = 0;
  for (size_t i = 1; i <= std::min(k, ranked.size()); ++i) {
    const auto at = rel.find(ranked[i - 1]);
    if (at == rel.end() || !found.insert(at->first).second) continue;
    dcg += (std::pow(2, at->second) - 1) / std::log2(i + 1);
    out.average_precision += static_cast<double>(found.size()) / static_cast<double>(i);
    if (out.reciprocal_rank == 0) out.reciprocal_rank = 1.0 / static_cast<double>(i);
  }
  std::vector<double> gains;
  for (const auto& [item, gain] : rel) gains.push_back(std::pow(2, gain) - 1);
  std::sort(gains.rbegin(), gains.rend());
  for (size_t i = 1; i <= std::min(k, gains.size()); ++i) idcg += gains[i - 1] / std::log2(i + 1);
  const auto hits = static_cast<double>(found.size());
  out.recall = hits / static_cast<double>(rel.size());
  out.recall_capped = hits / static_cast<double>(std::min(k, rel.size()));
  out.precision = hits / static_cast<double>(k);
  out.ndcg = dcg / idcg;
  out.average_precision /= static_cast<double>(std::min(k, rel.size()));
  out.hit = found.empty() ? 0 : 1;
  return out;
}

TEST(Metrics, EqualAPlainReferenceOnRandomLists) {
  Philox random(99);
  for (int round = 0; round < 3000; ++round) {
    std::map<uint32_t, double> rel;
    const bool graded = round % 2 == 0;
    const size_t wanted = 1 + random.below(15);
    while (rel.size() < wanted) rel[random.below(60)] = graded ? 1 + random.below(4) : 1;
    std::vector<uint32_t> ranked(random.below(40));
    for (uint32_t& item : ranked) item = random.below(60);
    std::vector<uint32_t> relevant;
    std::vector<float> gains;
    for (const auto& [item, gain] : rel) {
      relevant.push_back(item);
      gains.push_back(static_cast<float>(gain));
    }
    const size_t k = 1 + random.below(30);
    const auto expected = reference(ranked, rel, k);
    const auto got = ranking_metrics(
        {ranked, relevant, graded ? std::span<const float>(gains) : std::span<const float>{}}, k);
    ASSERT_NEAR(got.recall, expected.recall, 1e-12) << round;
    ASSERT_NEAR(got.recall_capped, expected.recall_capped, 1e-12) << round;
    ASSERT_NEAR(got.precision, expected.precision, 1e-12) << round;
    ASSERT_NEAR(got.ndcg, expected.ndcg, 1e-12) << round;
    ASSERT_NEAR(got.average_precision, expected.average_precision, 1e-12) << round;
    ASSERT_NEAR(got.reciprocal_rank, expected.reciprocal_rank, 1e-12) << round;
    ASSERT_EQ(got.hit, expected.hit) << round;
  }
}

TEST(Metrics, ByHand) {
  const std::vector<uint32_t> ranked{5, 9, 2}, relevant{2, 5, 7, 8};
  const auto m = ranking_metrics({ranked, relevant}, 3);
  EXPECT_DOUBLE_EQ(m.recall, 0.5);
  EXPECT_DOUBLE_EQ(m.recall_capped, 2.0 / 3);
  EXPECT_DOUBLE_EQ(m.precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(m.average_precision, (1.0 + 2.0 / 3) / 3);
  EXPECT_DOUBLE_EQ(m.reciprocal_rank, 1.0);
  EXPECT_DOUBLE_EQ(m.ndcg, 1.5 / (1 + 1 / std::log2(3) + 0.5));
}

TEST(Bootstrap, IsTheSameOnAnyNumberOfThreads) {
  Philox random(4);
  std::vector<double> values(500);
  for (double& value : values) value = random.uniform();
  ThreadPool one(1), three(3);
  const auto a = bootstrap_mean(values, one), b = bootstrap_mean(values, three);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_LT(a.low, a.mean);
  EXPECT_LT(a.mean, a.high);
  EXPECT_NE(bootstrap_mean(values, one, {.seed = 2}).low, a.low);
}

// Nineteen intervals of twenty should hold the true mean.
TEST(Bootstrap, CoversTheMeanAsOftenAsItSays) {
  ThreadPool pool(2);
  int covered = 0;
  for (uint64_t round = 0; round < 200; ++round) {
    Philox random(8, round);
    std::vector<double> values(200);
    for (double& value : values) value = random.normal();
    const auto interval = bootstrap_mean(values, pool, {.resamples = 300, .seed = round});
    if (interval.low <= 0 && 0 <= interval.high) ++covered;
  }
  EXPECT_GE(covered, 178);  // four standard deviations below 190
  EXPECT_LE(covered, 200);
}

TEST(Bootstrap, NobodyGivesZero) {
  ThreadPool pool(1);
  const auto interval = bootstrap_mean({}, pool);
  EXPECT_EQ(interval.mean, 0);
  EXPECT_EQ(interval.high, 0);
}

}  // namespace
}  // namespace palate
