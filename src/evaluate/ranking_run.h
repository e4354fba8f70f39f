// Ranks the whole catalogue for every test user, in batches over the pool, and scores the lists.
#pragma once

#include <array>
#include <string_view>

#include "evaluate/evaluate.h"
#include "evaluate/test_set.h"

namespace palate {

inline constexpr std::array<std::string_view, 9> kUserMetrics{
    "recall", "recall_capped", "precision", "ndcg",           "map",
    "mrr",    "hit_rate",      "novelty",   "popularity_lift"};

struct RankingRun {
  size_t k = 0;                 // the largest of the job's
  std::vector<double> values;   // a row a test user; a column a metric and k: metric-major
  std::vector<uint32_t> lists;  // a row a test user, k items; shorter lists end in kNoItem
  uint64_t users_fallback = 0;
};
inline constexpr uint32_t kNoItem = 0xffffffff;

// Errors: kCancelled.
Result<RankingRun> rank_test_users(const EvaluateJob& job, const TestSet& set);

}  // namespace palate
