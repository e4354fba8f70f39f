#include "evaluate/intervals.h"
#include "evaluate/ranking_run.h"
#include "evaluate/report.h"

namespace palate {
namespace {

bool comparable(const Report& a, const Report& b) {
  return a.user_rows == b.user_rows && a.options.ks == b.options.ks && a.split == b.split &&
         a.as_of == b.as_of && a.options.exclude_seen == b.options.exclude_seen;
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
    found.metrics.push_back({report.metrics[i].name, report.metrics[i].k, intervals[i]});
  }
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
