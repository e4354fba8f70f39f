// The training of mf as a function of ratings: what train_mf(), the tests and the benchmarks run.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "models/mf/mf.h"
#include "models/mf/profile.h"
#include "models/mf/train_data.h"
#include "models/train_checkpoints.h"

namespace palate {

// What is kept of a fit: one sample for als, sgd and hogwild, `mf.samples` for gibbs.
struct MfSamples {
  size_t count = 0, dim = 0;      // dim: the bias and the factors
  std::vector<float> items;       // items × count × dim
  std::vector<double> precision;  // count × dim × dim: the prior of users …
  std::vector<double> mean;       // count × dim
  std::vector<double> weights;    // count × profile × dim: … whose mean is mean + profileᵀ weights
  std::vector<double> noise_precision;  // count
};

// One number an epoch (als, sgd) or a sweep (gibbs).
struct MfCurve {
  std::vector<double> objective;        // als, sgd: what is minimized, a rating
  std::vector<double> train_rmse;       // … with the vectors of that moment
  std::vector<double> validation_rmse;  // empty without validation; gibbs: of the average so far
};

struct MfFitOptions {
  MfConfig config;
  uint64_t seed = 1;
  ThreadPool* pool = nullptr;
  std::stop_token stop = {};
  std::function<void()> after_epoch = {};
};

struct MfFit {
  MfSamples samples;
  MfCurve curve;
  MfProfiles profiles;
  int epochs = 0;  // run, the resumed ones included
  bool stopped_early = false;
  int resumed_at = 0;  // the epoch of the checkpoint that it went on from; 0: none
};

// The result does not depend on the number of threads, but for hogwild. Errors: kInvalidArgument
// (the config), kCancelled; those of checkpoints.
Result<MfFit> mf_fit(const MfData& data, const MfFitOptions& options);

// The state of a fit between two epochs; what a checkpoint holds.
struct MfState {
  int epoch = 0;
  std::vector<float> users, items;  // rows × dim
  // gibbs only:
  std::vector<double> user_weights, item_weights;  // profile × dim
  double noise_precision = 1, user_ridge = 1, item_ridge = 1;
  std::vector<double> validation_sum;  // of predictions, a validation rating
  MfSamples samples;
  MfCurve curve;
};

// A block of the grid that sgd walks: what some users said of some items, user by user.
struct MfBlock {
  std::vector<uint32_t> users;
  std::vector<uint32_t> start;  // of each user, and the end
  std::vector<uint32_t> items;
  std::vector<float> values;
};

struct MfRun {
  const MfData& data;
  const MfFitOptions& options;
  const MfProfiles& profiles;
  const std::vector<float>& user_profiles;  // users × profiles.size
  const std::vector<float>& item_profiles;
  std::vector<MfScratch> scratch;  // one a worker
  std::vector<MfBlock> grid = {};  // of sgd, from its first epoch on
  [[nodiscard]] size_t dim() const { return static_cast<size_t>(options.config.factors) + 1; }
};

// One epoch of each solver, from `state` to the next.
Status mf_als_epoch(MfRun& run, MfState& state);
Status mf_sgd_epoch(MfRun& run, MfState& state);
Status mf_hogwild_epoch(MfRun& run, MfState& state);
Status mf_gibbs_sweep(MfRun& run, MfState& state);

// The prediction less the mean, of the vectors of this moment.
double mf_predict(const MfState& state, uint32_t user, uint32_t item, size_t dim);
// λ n^ν, the regularization of a row with n ratings.
double mf_lambda(const MfConfig& config, size_t ratings);

// Profiles of items and of users, standardized (models/mf/profile.h).
struct MfFittedProfiles {
  MfProfiles profiles;
  std::vector<float> users, items;  // rows × profiles.size
};
Result<MfFittedProfiles> fit_profiles(const MfData& data, const MfFitOptions& options);

// A fit's checkpoints; its state from the newest whole one, else `fresh`; and one more.
FitCheckpoints mf_checkpoints(const MfFitOptions& options, const MfData& data);
Result<MfState> mf_resume(const FitCheckpoints& checkpoints, MfState fresh);
Status mf_keep(FitCheckpoints& checkpoints, const MfState& state);

}  // namespace palate
