#include "math/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "math/philox.h"

namespace palate {
namespace {

// The value below which `share` of the sorted ones lie, interpolated between neighbours.
double quantile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(place);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (place - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

double resampled_mean(std::span<const double> values, Philox random) {
  const auto count = static_cast<uint32_t>(values.size());
  double sum = 0;
  for (uint32_t i = 0; i < count; ++i) sum += values[random.below(count)];
  return sum / count;
}

}  // namespace

Interval bootstrap_mean(std::span<const double> values, ThreadPool& pool,
                        const BootstrapOptions& options) {
  PALATE_CHECK(options.resamples > 0 && options.level > 0 && options.level < 1, "options");
  PALATE_CHECK(values.size() <= UINT32_MAX, "at most 2^32 users");
  if (values.empty()) return {};
  std::vector<double> means(options.resamples);
  const Status done = pool.for_blocks(options.resamples, [&](size_t resample, size_t) {
    means[resample] = resampled_mean(values, Philox(options.seed, resample));
  });
  PALATE_CHECK(done.has_value(), "nobody can stop this loop");
  std::ranges::sort(means);
  const double tail = (1 - options.level) / 2;
  const double mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  return {mean, quantile(means, tail), quantile(means, 1 - tail)};
}

}  // namespace palate
