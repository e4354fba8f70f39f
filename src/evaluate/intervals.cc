#include "evaluate/intervals.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "evaluate/ranking_run.h"
#include "math/philox.h"

namespace palate {
namespace {

constexpr uint64_t kCoverageStreams = uint64_t{1} << 32;  // apart from those of the means

// The value at a share of a sorted sample, between neighbours by straight line.
double quantile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = place - static_cast<double>(below);
  return sorted[below] + part * (sorted[above] - sorted[below]);
}

Interval interval_of(double mean, std::vector<double> sample, double level) {
  if (sample.empty()) return {mean, mean, mean};
  std::sort(sample.begin(), sample.end());
  const double tail = (1 - level) / 2;
  return {mean, quantile(sample, tail), quantile(sample, 1 - tail)};
}

void check_ran(const Status& ran) { PALATE_CHECK(ran, "a loop without a stop token stopped"); }

// Covered shares for each k, of the users that `user_of` names.
template <class UserOf>
std::vector<double> coverage(const CoverageInput& input, size_t users, const UserOf& user_of) {
  std::vector<uint32_t> best_rank(input.items, kNoItem);
  for (size_t i = 0; i < users; ++i) {
    const auto list = input.lists.subspan(user_of(i) * input.k, input.k);
    for (uint32_t rank = 0; rank < list.size() && list[rank] != kNoItem; ++rank) {
      best_rank[list[rank]] = std::min(best_rank[list[rank]], rank);
    }
  }
  std::vector<double> shares;
  for (size_t k : input.ks) {
    const auto covered = std::ranges::count_if(best_rank, [&](uint32_t rank) { return rank < k; });
    shares.push_back(static_cast<double>(covered) / static_cast<double>(input.items));
  }
  return shares;
}

}  // namespace

std::vector<Interval> bootstrap_columns(std::span<const double> values, size_t columns,
                                        ThreadPool& pool, const BootstrapOptions& options) {
  const auto users = static_cast<uint32_t>(values.size() / columns);
  PALATE_CHECK(users > 0, "a bootstrap over nobody");
  std::vector<double> means(columns);
  for (size_t i = 0; i < values.size(); ++i) means[i % columns] += values[i];
  std::vector<double> sums(options.resamples * columns);
  check_ran(pool.for_blocks(options.resamples, [&](size_t sample, size_t) {
    Philox random(options.seed, sample);
    double* sum = sums.data() + sample * columns;
    for (uint32_t draw = 0; draw < users; ++draw) {
      const double* row = values.data() + random.below(users) * columns;
      for (size_t c = 0; c < columns; ++c) sum[c] += row[c];
    }
  }));
  std::vector<Interval> intervals;
  for (size_t c = 0; c < columns; ++c) {
    std::vector<double> sample(options.resamples);
    for (size_t i = 0; i < sample.size(); ++i) sample[i] = sums[i * columns + c] / users;
    intervals.push_back(interval_of(means[c] / users, std::move(sample), options.level));
  }
  return intervals;
}

namespace {

std::vector<double> sums_of(std::span<const double> values, size_t columns) {
  std::vector<double> sums(columns);
  for (size_t i = 0; i < values.size(); ++i) sums[i % columns] += values[i];
  return sums;
}

// Sums over one resample of `users`.
std::vector<double> drawn_sums(std::span<const double> values, size_t columns, Philox random) {
  const auto users = static_cast<uint32_t>(values.size() / columns);
  std::vector<double> sums(columns);
  for (uint32_t draw = 0; draw < users; ++draw) {
    const double* row = values.data() + random.below(users) * columns;
    for (size_t c = 0; c < columns; ++c) sums[c] += row[c];
  }
  return sums;
}

}  // namespace

double SumsMetric::of(const double* sums) const {
  if (sums[divisor] == 0) return 0;
  const double mean = sums[sum] / sums[divisor];
  return root ? std::sqrt(mean) : mean;
}

std::vector<Interval> bootstrap_quotients(const SumsInput& input,
                                          std::span<const SumsMetric> metrics,
                                          const Resampling& resampling) {
  const BootstrapOptions& options = resampling.options;
  std::vector<std::vector<double>> drawn(options.resamples);
  check_ran(resampling.pool.for_blocks(drawn.size(), [&](size_t i, size_t) {
    drawn[i] = drawn_sums(input.values, input.columns, Philox(options.seed, i));
  }));
  const auto all = sums_of(input.values, input.columns);
  std::vector<Interval> out;
  for (const SumsMetric& metric : metrics) {
    std::vector<double> sample;
    for (const auto& sums : drawn) sample.push_back(metric.of(sums.data()));
    out.push_back(interval_of(metric.of(all.data()), std::move(sample), options.level));
  }
  return out;
}

Interval bootstrap_difference(const PairedSums& sums, SumsMetric metric,
                              const Resampling& resampling) {
  const BootstrapOptions& options = resampling.options;
  const auto difference = [&](const std::vector<double>& a, const std::vector<double>& b) {
    return metric.of(b.data()) - metric.of(a.data());
  };
  std::vector<double> sample(options.resamples);
  check_ran(resampling.pool.for_blocks(sample.size(), [&](size_t i, size_t) {
    const Philox random(options.seed, i);
    sample[i] = difference(drawn_sums(sums.values, sums.columns, random),
                           drawn_sums(sums.other, sums.columns, random));
  }));
  return interval_of(
      difference(sums_of(sums.values, sums.columns), sums_of(sums.other, sums.columns)),
      std::move(sample), options.level);
}

std::vector<Interval> bootstrap_coverage(const CoverageInput& input, ThreadPool& pool,
                                         const BootstrapOptions& options) {
  const auto users = static_cast<uint32_t>(input.lists.size() / input.k);
  const auto estimate = coverage(input, users, [](size_t i) { return i; });
  const size_t resamples = std::min(options.resamples, kCoverageResamples);
  std::vector<std::vector<double>> drawn(resamples);
  check_ran(pool.for_blocks(resamples, [&](size_t sample, size_t) {
    Philox random(options.seed, kCoverageStreams + sample);
    drawn[sample] = coverage(input, users, [&](size_t) { return size_t{random.below(users)}; });
  }));
  std::vector<Interval> intervals;
  for (size_t i = 0; i < input.ks.size(); ++i) {
    std::vector<double> sample;
    double mean = 0;
    for (const auto& shares : drawn) mean += shares[i] / static_cast<double>(resamples);
    for (const auto& shares : drawn) {
      sample.push_back(std::clamp(shares[i] - mean + estimate[i], 0.0, 1.0));
    }
    Interval interval = interval_of(estimate[i], std::move(sample), options.level);
    interval.low =
        std::min(interval.low, estimate[i]);  // near full coverage the spread is lopsided
    interval.high = std::max(interval.high, estimate[i]);
    intervals.push_back(interval);
  }
  return intervals;
}

}  // namespace palate
