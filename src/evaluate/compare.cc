#include <algorithm>
#include <array>
#include <cmath>

#include "evaluate/intervals.h"
#include "evaluate/ranking_run.h"
#include "evaluate/rating_run.h"
#include "evaluate/report.h"

namespace palate {
namespace {

bool comparable(const Report& a, const Report& b) {
  return a.user_rows == b.user_rows && a.options.ks == b.options.ks && a.split == b.split &&
         a.as_of == b.as_of && a.options.exclude_seen == b.options.exclude_seen &&
         a.rating_users == b.rating_users;
}

// Of the column's mean being 0; 1 where nobody differs.
double paired_p(std::span<const double> values, size_t columns, size_t column) {
  const auto n = static_cast<double>(values.size() / columns);
  double sum = 0, squares = 0;
  for (size_t i = column; i < values.size(); i += columns) {
    sum += values[i];
    squares += values[i] * values[i];
  }
  const double variance = squares / n - (sum / n) * (sum / n);
  if (n < 2 || !(variance > 0)) return sum == 0 ? 1 : 0;
  return std::erfc(std::abs(sum / n) / std::sqrt(variance / (n - 1)) / std::sqrt(2.0));
}

bool has(const Report& report, std::string_view name) {
  return std::ranges::find(report.ratings, name, &MetricValue::name) != report.ratings.end();
}

// Of what both have.
void add_rating_differences(const Report& report, const Report& first, ThreadPool& pool,
                            Difference& found) {
  const BootstrapOptions options{.resamples = first.options.bootstrap_samples,
                                 .seed = first.options.seed};
  const std::array<std::pair<const char*, SumsMetric>, 3> metrics{{
      {"rmse", {kSquares, kRatings, /*root=*/true}},
      {"mae", {kAbsolute, kRatings}},
      {"gauc", {kAucWeighted, kAucRows}},
  }};
  for (const auto& [name, metric] : metrics) {
    if (!has(report, name) || !has(first, name)) continue;
    const PairedSums sums{first.rating_sums, report.rating_sums, kRatingSums};
    found.metrics.push_back({name, 0, bootstrap_difference(sums, metric, {pool, options})});
  }
}

Difference difference(const Report& report, const Report& first, ThreadPool& pool) {
  std::vector<double> values(report.user_values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = report.user_values[i] - first.user_values[i];
  }
  const size_t columns = kUserMetrics.size() * report.options.ks.size();
  const auto intervals =
      bootstrap_columns(values, columns, pool,
                        {.resamples = first.options.bootstrap_samples, .seed = first.options.seed});
  Difference found{report.kind, report.version, {}};
  for (size_t i = 0; i < columns; ++i) {
    found.metrics.push_back(
        {report.metrics[i].name, report.metrics[i].k, intervals[i], paired_p(values, columns, i)});
  }
  add_rating_differences(report, first, pool, found);
  return found;
}

}  // namespace

Result<Comparison> compare(std::vector<Report> reports, ThreadPool& pool) {
  if (reports.empty()) return fail(Code::kInvalidArgument, "there is no report to compare");
  Comparison comparison;
  const Report& first = reports[0];
  for (size_t i = 1; i < reports.size(); ++i) {
    if (!comparable(reports[i], first)) {
      return fail(Code::kInvalidArgument,
                  "{} {} and {} {} were not evaluated on the same users and split, so they cannot "
                  "be compared",
                  first.kind, first.version, reports[i].kind, reports[i].version);
    }
    comparison.differences.push_back(difference(reports[i], first, pool));
  }
  comparison.reports = std::move(reports);
  return comparison;
}

}  // namespace palate
