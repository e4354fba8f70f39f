#include "evaluate/evaluate.h"

#include <algorithm>
#include <chrono>

#include "evaluate/intervals.h"
#include "evaluate/ranking_run.h"
#include "evaluate/test_set.h"

namespace palate {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Status check_options(const EvaluateOptions& options) {
  const auto& ks = options.ks;
  const bool in_range =
      std::ranges::all_of(ks, [](size_t k) { return k >= 1 && k <= kEvaluateKMax; });
  if (ks.empty() || ks.size() > kEvaluateKsMax || !in_range) {
    return fail(Code::kInvalidArgument, "ks must be 1 to {} numbers from 1 to {}", kEvaluateKsMax,
                kEvaluateKMax);
  }
  if (options.bootstrap_samples > 1'000'000) {
    return fail(Code::kInvalidArgument, "{} bootstrap samples; at most 1000000 are drawn",
                options.bootstrap_samples);
  }
  return {};
}

void add_metrics(const EvaluateJob& job, const RankingRun& run, Report& report) {
  const auto& ks = job.options.ks;
  const BootstrapOptions bootstrap{.resamples = job.options.bootstrap_samples,
                                   .seed = job.options.seed};
  const auto means =
      bootstrap_columns(run.values, kUserMetrics.size() * ks.size(), *job.pool, bootstrap);
  for (size_t i = 0; i < means.size(); ++i) {
    report.metrics.push_back(
        {std::string(kUserMetrics[i / ks.size()]), ks[i % ks.size()], means[i]});
  }
  const auto coverage = bootstrap_coverage(
      {.lists = run.lists, .k = run.k, .items = job.data->items(), .ks = ks}, *job.pool, bootstrap);
  for (size_t i = 0; i < ks.size(); ++i) {
    report.metrics.push_back({"coverage", ks[i], coverage[i]});
  }
}

Report describe(const EvaluateJob& job, const TestSet& set) {
  Report report;
  report.kind = job.model->info().kind;
  report.version = job.model->info().version;
  report.split = job.split->describe();
  report.leak_check = fmt::format(
      "passed: none of the {} test rows is among the {} rows that the "
      "model was trained on",
      set.test_interactions, job.trained_on.interactions);
  report.as_of = job.data->as_of();
  report.options = job.options;
  report.items = job.data->items();
  report.train_interactions = job.trained_on.interactions;
  report.test_interactions = set.test_interactions;
  report.relevant = set.relevant.size();
  report.users = set.users.size();
  report.users_left_out = set.users_left_out;
  report.user_rows = set.users;
  return report;
}

}  // namespace

Result<Report> evaluate_model(const EvaluateJob& job) {
  TRY(check_options(job.options));
  if (auto clean = check_no_leak(*job.data, *job.split, job.trained_on); !clean) {
    return std::unexpected(clean.error().within(
        fmt::format("model {} {}", job.model->info().kind, job.model->info().version)));
  }
  const TestSet set = make_test_set(*job.data, *job.split);
  if (set.users.empty()) {
    return fail(Code::kInvalidArgument,
                "nobody likes anything new in the test part ({}), so there is nothing to measure; "
                "use a larger one",
                job.split->describe());
  }
  Report report = describe(job, set);
  const auto start = std::chrono::steady_clock::now();
  RankingRun run = TRY(rank_test_users(job, set));
  report.users_fallback = run.users_fallback;
  report.seconds_ranking = seconds_since(start);
  const auto ranked = std::chrono::steady_clock::now();
  add_metrics(job, run, report);
  report.seconds_intervals = seconds_since(ranked);
  report.user_values = std::move(run.values);
  return report;
}

}  // namespace palate
