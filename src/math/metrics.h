// Ranking metrics, defined once. `ranked` is the list as shown, best first; `relevant` what the
// user turned out to want, ascending and distinct (pairs with a gain for graded ones). Hits are
// looked up in the first k of `ranked`, which may be shorter than k; a repeated item counts once,
// at its first place. Callers leave users without relevant items out, and count them: all functions
// need a non-empty `relevant` and k > 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace palate {

struct RankedList {
  std::span<const uint32_t> ranked;
  std::span<const uint32_t> relevant;  // ascending, distinct
  std::span<const float> gains = {};   // rel of each relevant item; empty: all 1
};

struct RankingMetrics {
  double recall = 0;         // hits@k / |relevant|
  double recall_capped = 0;  // hits@k / min(k, |relevant|): what several papers call recall
  double precision = 0;      // hits@k / k
  // DCG@k / IDCG@k with DCG = sum over ranks i of (2^rel_i - 1) / log2(i + 1), the ideal list cut
  // at k (Burges et al., "Learning to Rank using Gradient Descent", ICML 2005; Järvelin and
  // Kekäläinen 2002).
  double ndcg = 0;
  // (1 / min(k, |relevant|)) * sum over ranks i <= k with a hit of precision@i.
  double average_precision = 0;
  double reciprocal_rank = 0;  // 1 / rank of the first hit, 0 without one in the first k
  double hit = 0;              // 1 when anything in the first k is relevant
  bool operator==(const RankingMetrics&) const = default;
};

RankingMetrics ranking_metrics(const RankedList& list, size_t k);

}  // namespace palate
