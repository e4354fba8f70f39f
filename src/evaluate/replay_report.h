// What a replay measured, over time and in all, as a page, Markdown and JSON (docs/evaluation.md).
#pragma once

#include <string>
#include <vector>

#include "evaluate/evaluate.h"
#include "evaluate/replay.h"

namespace palate {

// One step as one model served it. Means over requests; intervals resample users.
struct ReplayPoint {
  ReplayStep step;
  uint64_t users = 0, requests = 0;
  uint64_t requests_fallback = 0;
  std::vector<MetricValue> online, frozen;  // hit_rate, ndcg, mrr, by metric, then by k
};

struct ReplayModel {
  std::string kind;
  std::vector<ReplayPoint> points;
  // Of all steps together, users resampled with all their requests.
  std::vector<MetricValue> online, frozen;
  std::vector<MetricValue> gain;      // online less frozen, paired
  std::vector<MetricValue> to_first;  // online less that of the first model, paired; empty for it
  double train_s = 0, serve_s = 0;
  uint64_t trainings = 0;
  // What a user got in all steps: ascending users, a row each of StepServed's columns.
  std::vector<UserIx> users;
  std::vector<double> online_sums, frozen_sums;

  void add(const StepServed& served);
};

struct ReplayReport {
  ReplayOptions options;
  std::string leak_check;
  uint64_t items = 0, interactions = 0;
  std::vector<ReplayModel> models;
};

ReplayPoint replay_point(const StepServed& served, const ReplayStep& step,
                         const ReplayOptions& options, ThreadPool& pool);
// Fills in what is said of all steps together.
void finish_replay(ReplayReport& report, ThreadPool& pool);

std::string to_markdown(const ReplayReport& report);
std::string to_json(const ReplayReport& report);
// One page that loads nothing else.
std::string to_html(const ReplayReport& report);

}  // namespace palate
