// Replay: the log's last days walked one after the other. Models learn from what lay before a
// position, then every user's next requests are answered from the state as of that request, and
// what came next says whether the answer was right (prequential evaluation: Gama, Sebastião and
// Rodrigues, "On evaluating stream learning algorithms", Machine Learning 90, 2013; for
// recommenders Vinagre, Jorge and Gama, "Evaluation of recommender systems in streaming
// environments", 2014). Each request is answered twice: with online updates, from everything that
// the log held before it, and frozen, from the state that the model was trained on.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "math/bootstrap.h"
#include "models/model.h"

namespace palate {

struct ReplayOptions {
  int64_t step_s = 86'400;   // 60 to a year
  size_t steps = 14;         // the last ones, 1 to kReplayStepsMax
  size_t train_every = 1;    // steps, 1 to kReplayStepsMax
  size_t requests_max = 10;  // of one user in one step, 1 to 1000: the first ones
  std::vector<size_t> ks = {10};
  size_t bootstrap_samples = 1000;
  uint64_t seed = 1;
  HistoryLimits limits;  // of the state that requests are answered from
};
inline constexpr size_t kReplayStepsMax = 1000;

// Rows with begin <= offset < end happen in it; rows with a smaller offset are its past, whatever
// their times say.
struct ReplayStep {
  TimeUs from;
  uint64_t begin = 0, end = 0;
  bool trains = false;  // models are trained at its begin
};

// Steps begin at the position that has the fewest rows on the wrong side of their clock: one wrong
// clock moves none. Errors: kInvalidArgument for options out of range, times that are not real, or
// nothing before the first step.
Result<std::vector<ReplayStep>> replay_steps(const Dataset& data, const ReplayOptions& options);

// What a trainer may see at `position`: a dataset that has nothing else, so that nobody can look.
Dataset rows_before(const Dataset& data, uint64_t position);
// kInternal where a trainer saw anything else than `past`, or anything from `position` on.
Status check_replay_leak(const Dataset& past, uint64_t position, const DatasetView::Seen& seen);

struct ServeJob {
  const Model* model = nullptr;
  const Model* fallback = nullptr;  // as EvaluateJob::fallback
  const Dataset* data = nullptr;
  ReplayStep step;
  ReplayStep trained_at;  // the step at whose begin the model was trained
  const ReplayOptions* options = nullptr;
  ThreadPool* pool = nullptr;
  std::stop_token stop;
  ProfileOf profile_of = nullptr;  // as serving knows them now, whatever the step
};

// A request is made just before each row of the step in which a user likes an item that is new to
// the user; that item is what would have been right. Sums over a user's requests: how many, then
// each of kReplayMetrics at each k, metric-major.
inline constexpr size_t kReplayMetrics = 3;  // hit_rate, ndcg, mrr
struct StepServed {
  std::vector<UserIx> users;                     // with requests, ascending
  std::vector<double> online, frozen;            // users × (1 + kReplayMetrics × ks)
  uint64_t requests = 0, requests_fallback = 0;  // online ones without anything personal to say
};
// Errors: kCancelled.
Result<StepServed> serve_step(const ServeJob& job);

}  // namespace palate
