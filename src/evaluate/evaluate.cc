#include "evaluate/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "evaluate/breakdown.h"
#include "evaluate/intervals.h"
#include "evaluate/ranking_run.h"
#include "evaluate/rating_run.h"
#include "evaluate/test_set.h"
#include "math/judgement.h"

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

// With several models each of them, and every test row must be one's.
Status check_leaks(const EvaluateJob& job) {
  if (job.parts.empty()) return check_no_leak(*job.data, *job.split, job.trained_on);
  size_t covered = 0;
  for (const TrainedPart& part : job.parts) {
    TRY(check_no_leak(*job.data, *part.split, part.trained_on));
    for (size_t bit = 0; bit < part.split->test->size(); ++bit) {
      covered += (*part.split->test)[bit] && (*job.split->test)[bit] ? 1 : 0;
    }
  }
  const auto asked = static_cast<size_t>(std::ranges::count(*job.split->test, true));
  if (covered == asked) return {};
  return fail(Code::kInternal, "{} test rows are checked for leaks, and {} are asked for", covered,
              asked);
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

void add_exposure(const EvaluateJob& job, const RankingRun& run, Report& report) {
  const auto& ks = job.options.ks;
  const ExposureInput input{run.lists, run.k, ks, job.data, job.split};
  for (const size_t k : ks) {
    const double value = gini(exposures(input, k));
    report.exposure.push_back({"gini", k, {value, value, value}});
  }
  const auto diverse = diversity(
      input, *job.pool, {.resamples = job.options.bootstrap_samples, .seed = job.options.seed});
  for (size_t i = 0; i < ks.size(); ++i) {
    if (ks[i] > 1 && ks[i] <= kDiversityItems) {
      report.exposure.push_back({"diversity", ks[i], diverse[i]});
    }
  }
  for (const Groups& groups : job.item_groups) {
    if (groups.names.size() > 1) {
      report.exposure_gaps.push_back(exposure_gap(input, std::ranges::max(ks), groups));
    }
  }
}

Status add_ratings(const EvaluateJob& job, Report& report) {
  RatingRun run = TRY(run_ratings(job));
  report.ratings =
      rating_metrics(run, job.model->info().scores, *job.pool,
                     {.resamples = job.options.bootstrap_samples, .seed = job.options.seed});
  report.rating_users = std::move(run.users);
  report.rating_sums = std::move(run.sums);
  return {};
}

Report describe(const EvaluateJob& job, const TestSet& set) {
  Report report;
  report.kind = job.model->info().kind;
  report.version = job.model->info().version;
  report.split = job.split->describe();
  if (job.split->kind == SplitKind::kFile) report.test_file = job.split->file;
  report.train_interactions = job.trained_on.interactions;
  for (const TrainedPart& part : job.parts) {
    report.train_interactions += part.trained_on.interactions / job.parts.size();
  }
  report.leak_check = fmt::format(
      "passed: none of the {} test rows is among the {}{} rows that the "
      "model was trained on",
      set.test_interactions, job.parts.empty() ? "" : "on average ", report.train_interactions);
  report.as_of = job.data->as_of();
  report.options = job.options;
  report.items = job.data->items();
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
  if (auto clean = check_leaks(job); !clean) {
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
  add_exposure(job, run, report);
  report.breakdowns = break_down(job, set, run);
  TRY(add_ratings(job, report));
  report.seconds_intervals = seconds_since(ranked);
  report.user_values = std::move(run.values);
  return report;
}

double SeedSpread::mean() const {
  return std::accumulate(means.begin(), means.end(), 0.0) / static_cast<double>(means.size());
}

// Around the first value, so that equal ones are exactly that.
double SeedSpread::deviation() const {
  if (means.size() < 2) return 0;
  double sum = 0, squares = 0;
  for (const double value : means) {
    const double off = value - means.front();
    sum += off;
    squares += off * off;
  }
  const auto n = static_cast<double>(means.size());
  return std::sqrt(std::max(0.0, squares - sum * sum / n) / (n - 1));
}

std::vector<SeedSpread> spread_over_seeds(std::span<const Report> reports) {
  std::vector<SeedSpread> spreads;
  const auto add = [&](std::vector<MetricValue> Report::* list) {
    for (size_t i = 0; i < (reports[0].*list).size(); ++i) {
      SeedSpread spread{(reports[0].*list)[i].name, (reports[0].*list)[i].k, {}};
      for (const Report& report : reports) spread.means.push_back((report.*list)[i].value.mean);
      spreads.push_back(std::move(spread));
    }
  };
  add(&Report::metrics);
  add(&Report::ratings);
  return spreads;
}

}  // namespace palate
