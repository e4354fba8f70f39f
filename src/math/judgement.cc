#include "math/judgement.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.h"

namespace palate {

void RatingErrors::add(double rating, double predicted) {
  const double error = rating - predicted;
  squares += error * error;
  absolute += std::abs(error);
  count += 1;
}

double RatingErrors::rmse() const { return count > 0 ? std::sqrt(squares / count) : 0; }
double RatingErrors::mae() const { return count > 0 ? absolute / count : 0; }

std::optional<double> auc(std::span<const double> score, std::span<const uint8_t> liked) {
  PALATE_CHECK(score.size() == liked.size(), "one judgement a score");
  std::vector<size_t> order(score.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return score[i]; });
  double ranks = 0, positives = 0;
  for (size_t first = 0; first < order.size();) {
    size_t end = first;
    double liked_here = 0;
    for (; end < order.size() && score[order[end]] == score[order[first]]; ++end) {
      liked_here += liked[order[end]] != 0 ? 1 : 0;
    }
    ranks += liked_here * (static_cast<double>(first + end + 1) / 2);  // mean of first + 1 … end
    positives += liked_here;
    first = end;
  }
  const double negatives = static_cast<double>(score.size()) - positives;
  if (positives == 0 || negatives == 0) return std::nullopt;
  return (ranks - positives * (positives + 1) / 2) / (positives * negatives);
}

double log_loss(std::span<const double> probability, std::span<const uint8_t> liked) {
  PALATE_CHECK(probability.size() == liked.size(), "one judgement a probability");
  constexpr double kLeast = 1e-15;
  double sum = 0;
  for (size_t i = 0; i < liked.size(); ++i) {
    const double p = std::clamp(probability[i], kLeast, 1 - kLeast);
    sum -= liked[i] != 0 ? std::log(p) : std::log1p(-p);
  }
  return liked.empty() ? 0 : sum / static_cast<double>(liked.size());
}

double calibration_error(std::span<const double> probability, std::span<const uint8_t> liked,
                         size_t bins) {
  PALATE_CHECK(probability.size() == liked.size() && bins > 0, "one judgement a probability");
  std::vector<double> gap(bins);  // of each bin: sum of p less the number of liked
  for (size_t i = 0; i < liked.size(); ++i) {
    const double p = std::clamp(probability[i], 0.0, 1.0);
    const auto bin = std::min(bins - 1, static_cast<size_t>(p * static_cast<double>(bins)));
    gap[bin] += p - (liked[i] != 0 ? 1 : 0);
  }
  double sum = 0;
  for (const double value : gap) sum += std::abs(value);
  return liked.empty() ? 0 : sum / static_cast<double>(liked.size());
}

double gini(std::span<const double> exposures) {
  std::vector<double> sorted(exposures.begin(), exposures.end());
  std::ranges::sort(sorted);
  const auto n = static_cast<double>(sorted.size());
  double sum = 0, weighted = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    sum += sorted[i];
    weighted += (2 * static_cast<double>(i + 1) - n - 1) * sorted[i];
  }
  return sum > 0 ? weighted / (n * sum) : 0;
}

double self_information(uint64_t had, uint64_t users) {
  if (users == 0) return 0;
  const auto times = static_cast<double>(std::max<uint64_t>(had, 1));
  return std::max(0.0, -std::log2(times / static_cast<double>(users)));
}

double distribution_gap(std::span<const double> a, std::span<const double> b) {
  PALATE_CHECK(a.size() == b.size(), "the same groups");
  const double all_a = std::accumulate(a.begin(), a.end(), 0.0);
  const double all_b = std::accumulate(b.begin(), b.end(), 0.0);
  if (all_a <= 0 || all_b <= 0) return 0;
  double sum = 0;
  for (size_t g = 0; g < a.size(); ++g) sum += std::abs(a[g] / all_a - b[g] / all_b);
  return sum / 2;
}

}  // namespace palate
