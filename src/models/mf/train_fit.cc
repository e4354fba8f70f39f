#include "models/mf/train_fit.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/stop.h"
#include "math/philox.h"

namespace palate {
namespace {

struct Solver {
  Status (*epoch)(MfRun&, MfState&);
  bool samples = false;
};

Result<Solver> solver_of(const std::string& name) {
  static const std::map<std::string, Solver> known{{"als", {mf_als_epoch}},
                                                   {"sgd", {mf_sgd_epoch}},
                                                   {"hogwild", {mf_hogwild_epoch}},
                                                   {"gibbs", {mf_gibbs_sweep, true}}};
  const auto found = known.find(name);
  if (found != known.end()) return found->second;
  return fail(Code::kInvalidArgument, "mf.solver is '{}'; use gibbs, als, sgd or hogwild", name);
}

// Small random factors, no biases.
std::vector<float> starting_point(size_t rows, size_t dim, uint64_t seed, uint64_t side) {
  constexpr uint64_t kStart = uint64_t{6} << 61;
  std::vector<float> out(rows * dim, 0.0F);
  for (size_t row = 0; row < rows; ++row) {
    Philox random(seed, kStart | side << 48 | row);
    for (size_t d = 1; d < dim; ++d) {
      out[row * dim + d] = 0.1F * static_cast<float>(random.normal());
    }
  }
  return out;
}

// The error on validation: of the samples' average where there are any, else of this moment.
void validate(const MfRun& run, bool samples, MfState& state) {
  const auto& ratings = run.data.validation;
  if (ratings.empty()) return;
  if (samples && state.samples.count == 0) return;  // burning in
  state.validation_sum.resize(ratings.size());
  const double times = samples ? static_cast<double>(state.samples.count) : 1;
  double squares = 0;
  for (size_t i = 0; i < ratings.size(); ++i) {
    const double now = mf_predict(state, ratings[i].user, ratings[i].item, run.dim());
    state.validation_sum[i] = samples ? state.validation_sum[i] + now : now;
    const double average = state.validation_sum[i] / times + ratings[i].time_offset;
    const double rating =
        std::clamp(run.data.mean + average, double{run.data.low}, double{run.data.high});
    squares += (ratings[i].value - rating) * (ratings[i].value - rating);
  }
  state.curve.validation_rmse.push_back(std::sqrt(squares / static_cast<double>(ratings.size())));
}

// No better for `patience` epochs.
bool has_stalled(const std::vector<double>& curve, int patience) {
  if (patience == 0 || curve.size() <= static_cast<size_t>(patience)) return false;
  const auto best = std::ranges::min_element(curve);
  return curve.end() - best > patience;
}

// What serving solves with: the ridge of als, and the item vectors of the last epoch.
void keep_point(const MfRun& run, MfState& state) {
  const size_t dim = run.dim();
  MfSamples& kept = state.samples;
  kept.count = 1;
  kept.dim = dim;
  kept.items = state.items;
  kept.precision.assign(dim * dim, 0.0);
  for (size_t d = 0; d < dim; ++d) kept.precision[d * dim + d] = run.options.config.regularization;
  kept.mean.assign(dim, 0.0);
  kept.noise_precision = {1.0};
}

MfState fresh_state(const MfData& data, const MfFitOptions& options, size_t dim) {
  MfState state;
  state.users = starting_point(data.by_user.rows, dim, options.seed, 0);
  state.items = starting_point(data.by_item.rows, dim, options.seed, 1);
  return state;
}

bool is_finite(const MfState& state) {
  return std::ranges::all_of(state.items, [](float value) { return std::isfinite(value); });
}

}  // namespace

double mf_predict(const MfState& state, uint32_t user, uint32_t item, size_t dim) {
  const float* w = state.users.data() + user * dim;
  const float* h = state.items.data() + item * dim;
  double sum = double{w[0]} + h[0];
  for (size_t d = 1; d < dim; ++d) sum += double{w[d]} * h[d];
  return sum;
}

Result<MfFit> mf_fit(const MfData& data, const MfFitOptions& options) {
  const Solver solver = TRY(solver_of(options.config.solver));
  MfFit out;
  MfFittedProfiles fitted;
  if (solver.samples) fitted = TRY(fit_profiles(data, options));
  MfRun run{data, options, fitted.profiles, fitted.users, fitted.items, {}};
  run.scratch.resize(options.pool->size());
  FitCheckpoints checkpoints = mf_checkpoints(options, data);
  MfState state = TRY(mf_resume(checkpoints, fresh_state(data, options, run.dim())));
  out.resumed_at = state.epoch;
  const int epochs = options.config.iterations + (solver.samples ? options.config.samples : 0);
  while (state.epoch < epochs) {
    TRY(check_stop(options.stop));
    TRY(solver.epoch(run, state));
    validate(run, solver.samples, state);
    ++state.epoch;
    if (!is_finite(state)) {
      return fail(Code::kInvalidArgument,
                  "training diverged in epoch {}; lower mf.learning_rate, or raise "
                  "mf.regularization",
                  state.epoch);
    }
    if (options.after_epoch) options.after_epoch();
    out.stopped_early =
        !solver.samples && has_stalled(state.curve.validation_rmse, options.config.patience);
    if (out.stopped_early) break;
    TRY(mf_keep(checkpoints, state));
  }
  if (!solver.samples) keep_point(run, state);
  TRY(checkpoints.remove_all());
  out.epochs = state.epoch;
  out.samples = std::move(state.samples);
  out.curve = std::move(state.curve);
  out.profiles = std::move(fitted.profiles);
  return out;
}

}  // namespace palate
