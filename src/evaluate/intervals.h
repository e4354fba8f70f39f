// Bootstrap intervals over users for many columns at once: one draw of users serves all metrics, so
// they cost about as much as one, and differences between them are paired.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/threads.h"
#include "math/bootstrap.h"

namespace palate {

// `values` is users × columns, row-major. One Interval a column: percentile bootstrap (Efron and
// Tibshirani 1993, chapter 13). The same on any number of threads.
std::vector<Interval> bootstrap_columns(std::span<const double> values, size_t columns,
                                        ThreadPool& pool, const BootstrapOptions& options);

// A metric that is one sum over users divided by another, or the root of that; 0 where the divisor
// is 0.
struct SumsMetric {
  size_t sum, divisor;  // columns
  bool root = false;
  [[nodiscard]] double of(const double* sums) const;
};
struct Resampling {
  ThreadPool& pool;
  const BootstrapOptions& options;
};
// `values` is users × columns, row-major. Draws the same users as bootstrap_columns().
struct SumsInput {
  std::span<const double> values;
  size_t columns;
};
std::vector<Interval> bootstrap_quotients(const SumsInput& input,
                                          std::span<const SumsMetric> metrics,
                                          const Resampling& resampling);
// The same of `other` less that of `values`, both resampled with the same users.
struct PairedSums {
  std::span<const double> values, other;
  size_t columns;
};
Interval bootstrap_difference(const PairedSums& sums, SumsMetric metric,
                              const Resampling& resampling);

struct CoverageInput {
  std::span<const uint32_t> lists;  // users × k items, best first; evaluate/ranking_run.h
  size_t k = 0;
  size_t items = 0;
  std::span<const size_t> ks;
};
// Catalogue coverage@k, the share of items that are in anybody's first k, for each of the ks. A
// resample holds only 63 % of the users, so its coverage is too low; its spread, put around the
// estimate, is the interval. Uses at most kCoverageResamples.
inline constexpr size_t kCoverageResamples = 100;
std::vector<Interval> bootstrap_coverage(const CoverageInput& input, ThreadPool& pool,
                                         const BootstrapOptions& options);

}  // namespace palate
