// Offline evaluation of one model on one split (docs/evaluation.md): full catalogue, no sampled
// negatives. Refuses to run where the model saw a row of the test part.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "dataset/split.h"
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
};

struct MetricValue {
  std::string name;  // "recall", "recall_capped", "precision", "ndcg", "map", "mrr", "hit_rate", …
  size_t k = 0;      // … "coverage"
  Interval value;    // mean and 95 % bootstrap interval
};

struct Report {
  std::string kind, version;  // of the model
  std::string split;          // in one line
  std::string leak_check;     // what was checked, in one line
  AsOf as_of;                 // of the dataset
  EvaluateOptions options;
  uint64_t items = 0, train_interactions = 0, test_interactions = 0, relevant = 0;
  uint64_t users = 0;           // evaluated
  uint64_t users_left_out = 0;  // have test rows, but none that is relevant
  uint64_t users_fallback = 0;  // evaluated, the model had nothing personal to say
  double seconds_ranking = 0, seconds_intervals = 0;
  std::vector<MetricValue> metrics;  // by metric, then by k; coverage last

  // What metrics are means of, for paired comparisons: a row a user, a column a metric and k in the
  // order of `metrics` (without coverage).
  std::vector<UserIx> user_rows;
  std::vector<double> user_values;
};

// The same report, but for the seconds, on any number of threads. Errors: kInvalidArgument (no ks,
// nobody with a relevant item), kInternal from check_no_leak(), kCancelled.
Result<Report> evaluate_model(const EvaluateJob& job);

}  // namespace palate
