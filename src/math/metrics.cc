#include "math/metrics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"

namespace palate {
namespace {

double gain_of(const RankedList& list, size_t relevant_place) {
  if (list.gains.empty()) return 1.0;  // 2^1 - 1
  return std::exp2(list.gains[relevant_place]) - 1.0;
}

double discount(size_t rank) { return 1.0 / std::log2(static_cast<double>(rank) + 1.0); }

double ideal_dcg(const RankedList& list, size_t k) {
  std::vector<double> gains(list.relevant.size());
  for (size_t i = 0; i < gains.size(); ++i) gains[i] = gain_of(list, i);
  const size_t cut = std::min(k, gains.size());
  std::partial_sort(gains.begin(), gains.begin() + static_cast<ptrdiff_t>(cut), gains.end(),
                    std::greater<>());
  double sum = 0;
  for (size_t i = 0; i < cut; ++i) sum += gains[i] * discount(i + 1);
  return sum;
}

}  // namespace

RankingMetrics ranking_metrics(const RankedList& list, size_t k) {
  PALATE_CHECK(k > 0 && !list.relevant.empty(), "metrics need k > 0 and something relevant");
  PALATE_CHECK(list.gains.empty() || list.gains.size() == list.relevant.size(),
               "one gain a relevant item");
  RankingMetrics out;
  std::vector<bool> seen(list.relevant.size());
  double hits = 0, dcg = 0, precisions = 0;
  const size_t end = std::min(k, list.ranked.size());
  for (size_t rank = 1; rank <= end; ++rank) {
    const auto at = std::ranges::lower_bound(list.relevant, list.ranked[rank - 1]);
    if (at == list.relevant.end() || *at != list.ranked[rank - 1]) continue;
    const auto place = static_cast<size_t>(at - list.relevant.begin());
    if (seen[place]) continue;
    seen[place] = true;
    hits += 1;
    dcg += gain_of(list, place) * discount(rank);
    precisions += hits / static_cast<double>(rank);
    if (hits == 1) out.reciprocal_rank = 1.0 / static_cast<double>(rank);
  }
  const auto relevant = static_cast<double>(list.relevant.size());
  const double capped = std::min(relevant, static_cast<double>(k));
  out.recall = hits / relevant;
  out.recall_capped = hits / capped;
  out.precision = hits / static_cast<double>(k);
  const double ideal = ideal_dcg(list, k);
  out.ndcg = ideal > 0 ? dcg / ideal : 0;
  out.average_precision = precisions / capped;
  out.hit = hits > 0 ? 1 : 0;
  return out;
}

}  // namespace palate
