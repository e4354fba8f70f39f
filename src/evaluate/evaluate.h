// Offline evaluation of one model on one split (docs/evaluation.md): full catalogue, no sampled
// negatives. Refuses to run where the model saw a row of the test part.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "dataset/split.h"
#include "evaluate/groups.h"
#include "math/bootstrap.h"
#include "models/model.h"

namespace palate {

struct EvaluateOptions {
  std::vector<size_t> ks = {5, 10, 20, 50};  // 1 to kEvaluateKMax each, at most kEvaluateKsMax
  size_t bootstrap_samples = 1000;
  uint64_t seed = 1;         // of the resampling
  bool exclude_seen = true;  // items of the user's training rows are no candidates
};
inline constexpr size_t kEvaluateKMax = 1000;
inline constexpr size_t kEvaluateKsMax = 16;

// What one of several models was given, and what it says that it saw.
struct TrainedPart {
  const Split* split = nullptr;
  DatasetView::Seen trained_on;
};

struct EvaluateJob {
  const Model* model = nullptr;
  // Answers for users that `model` has nothing personal to say for, as the server does; may be
  // nullptr: then they get an empty list.
  const Model* fallback = nullptr;
  const Dataset* data = nullptr;
  const Split* split = nullptr;
  DatasetView::Seen trained_on;  // of the model's manifest: trained_on() in evaluate/trained_on.h
  EvaluateOptions options;
  ThreadPool* pool = nullptr;
  std::stop_token stop;
  std::span<const Groups> user_groups = {}, item_groups = {};  // what is broken down by
  ProfileOf profile_of = nullptr;  // as serving knows them, whatever the time of the rows
  // Where `model` is several (evaluate/fold_model.h): these are checked for leaks, not `split`.
  std::span<const TrainedPart> parts = {};
};

struct MetricValue {
  std::string name;  // "recall", "recall_capped", "precision", "ndcg", "map", "mrr", "hit_rate",
                     // "novelty", …
  size_t k = 0;      // … "coverage"
  Interval value;    // mean and 95 % bootstrap interval
  // Of a difference: how likely one at least as large is by chance, two-sided, by the paired test
  // over users (Smucker, Allan and Carterette, CIKM 2007) with the normal law; -1: not said.
  double p = -1;
};

struct SeedSpread {
  std::string name;
  size_t k = 0;
  std::vector<double> means;  // by seed, ascending from the first
  [[nodiscard]] double mean() const;
  [[nodiscard]] double deviation() const;  // of a sample: over n - 1
};

struct Report {
  std::string kind, version;               // of the model
  std::string split;                       // in one line
  std::optional<TestFileFacts> test_file;  // where the test rows came from a file
  std::string leak_check;                  // what was checked, in one line
  AsOf as_of;                              // of the dataset
  EvaluateOptions options;
  uint64_t items = 0, train_interactions = 0, test_interactions = 0, relevant = 0;
  uint64_t users = 0;           // evaluated
  uint64_t users_left_out = 0;  // have test rows, but none that is relevant
  uint64_t users_fallback = 0;  // evaluated, the model had nothing personal to say
  double seconds_ranking = 0, seconds_intervals = 0;
  std::vector<MetricValue> metrics;   // by metric, then by k; coverage last
  std::vector<MetricValue> exposure;  // gini, diversity, by metric, then by k
  std::vector<ExposureGap> exposure_gaps;
  std::vector<Breakdown> breakdowns;

  // Of rated and disliked test rows (evaluate/rating_run.h): rmse, mae, auc, gauc, log_loss,
  // calibration_error, as far as the scores mean such a thing; k is 0. Without an interval low and
  // high are the mean.
  std::vector<MetricValue> ratings;
  std::vector<UserIx> rating_users;
  std::vector<double> rating_sums;

  // Means of `metrics` and `ratings` with other seeds of training on the same split, this report's
  // first; empty where there was one seed. The spread of training, apart from that of users.
  std::vector<SeedSpread> seeds;

  // What metrics are means of, for paired comparisons: a row a user, a column a metric and k in the
  // order of `metrics` (without coverage).
  std::vector<UserIx> user_rows;
  std::vector<double> user_values;
};

// The same report, but for the seconds, on any number of threads. Errors: kInvalidArgument (no ks,
// nobody with a relevant item), kInternal from check_no_leak(), kCancelled.
Result<Report> evaluate_model(const EvaluateJob& job);

// What the reports of one model with several seeds say of training's own spread. All have the
// metrics of the first.
std::vector<SeedSpread> spread_over_seeds(std::span<const Report> reports);

}  // namespace palate
