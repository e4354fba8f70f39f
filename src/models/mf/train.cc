#include "models/mf/train.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "models/mf/time_offsets.h"
#include "models/mf/train_fit.h"

namespace palate {
namespace {

std::vector<float> to_floats(std::span<const double> values) {
  return {values.begin(), values.end()};
}

nlohmann::json curve_json(const MfFit& fit) {
  nlohmann::json json{{"epochs", fit.epochs},
                      {"stopped_early", fit.stopped_early},
                      {"train_rmse_by_epoch", fit.curve.train_rmse}};
  if (!fit.curve.objective.empty()) json["loss_by_epoch"] = fit.curve.objective;
  if (!fit.curve.validation_rmse.empty()) {
    json["validation_rmse_by_epoch"] = fit.curve.validation_rmse;
  }
  return json;
}

void write_samples(const MfData& data, MfFit& fit, ArtefactWriter& out) {
  const size_t count = fit.samples.count, dim = fit.samples.dim, size = fit.profiles.size;
  out.add<float>("item_factors", {data.by_item.rows, count * dim}, std::move(fit.samples.items));
  out.add<float>("prior_precision", {count, dim * dim}, to_floats(fit.samples.precision));
  out.add<float>("prior_mean", {count, dim}, to_floats(fit.samples.mean));
  out.add<float>("noise_precision", {count}, to_floats(fit.samples.noise_precision));
  if (size == 0) return;
  out.add<float>("profile_weights", {count, size * dim}, to_floats(fit.samples.weights));
  out.add<float>("profile_vectors", {data.by_item.rows, size - 1}, std::move(fit.profiles.vectors));
  out.add<float>("profile_mean", {size}, std::move(fit.profiles.mean));
  out.add<float>("profile_deviation", {size}, std::move(fit.profiles.deviation));
}

void write_tensors(const TrainJob& job, const MfData& data, ArtefactWriter& out) {
  std::vector<uint32_t> count, types;
  for (size_t item = 0; item < data.by_item.rows; ++item) {
    count.push_back(static_cast<uint32_t>(data.by_item.start[item + 1] - data.by_item.start[item]));
  }
  for (const EventTypeId type : job.data->dataset().rating_types()) types.push_back(type.value);
  out.add<uint32_t>("item_count", {count.size()}, std::move(count));
  out.add<uint32_t>("rating_types", {types.size()}, std::move(types));
  const MfConfig& config = job.configs->mf;
  const double exponent = config.solver == "gibbs" ? 0 : config.regularization_exponent;
  out.add<float>("ratings", {4},
                 std::vector<float>{static_cast<float>(data.mean), data.low, data.high,
                                    static_cast<float>(exponent)});
}

void write_time(MfTimeOffsets offsets, size_t items, ArtefactWriter& out) {
  if (offsets.bins == 0) return;
  out.add<float>("time_offsets", {items, offsets.bins}, std::move(offsets.offset));
  out.add<int64_t>("time_range", {2}, std::vector<int64_t>{offsets.first.us, offsets.last.us});
}

struct Prepared {
  MfData data;
  MfTimeOffsets time;
};
Result<Prepared> prepare(const TrainJob& job, double validation_share) {
  const MfConfig& config = job.configs->mf;
  Prepared out{TRY(read_mf_data(*job.data, {validation_share, job.seed})), {}};
  if (job.data->dataset().time() == TimeKind::kReal) {
    out.time =
        fit_time_offsets(out.data, static_cast<size_t>(config.time_bins), config.time_shrinkage);
    subtract_time(out.time, out.data);
  }
  return out;
}

}  // namespace

Status train_mf(const TrainJob& job, ArtefactWriter& out) {
  MfFitOptions options;
  options.config = job.configs->mf;
  options.seed = job.seed;
  options.pool = job.pool;
  options.stop = job.stop;
  nlohmann::json validated;
  if (options.config.validation_share > 0) {
    // Its epochs are what the fit on everything runs.
    const Prepared part = TRY(prepare(job, options.config.validation_share));
    const MfFit fit = TRY(mf_fit(part.data, options));
    validated = curve_json(fit);
    if (fit.stopped_early) {
      const auto& curve = fit.curve.validation_rmse;
      options.config.iterations =
          static_cast<int>(std::ranges::min_element(curve) - curve.begin()) + 1;
    }
    options.config.validation_share = 0;
  }
  Prepared all = TRY(prepare(job, 0));
  const auto epochs =
      options.config.iterations + (options.config.solver == "gibbs" ? options.config.samples : 0);
  Progress progress("training mf", static_cast<uint64_t>(epochs), "epochs");
  options.after_epoch = [&] { progress.add(); };
  MfFit fit = TRY(mf_fit(all.data, options));
  nlohmann::json metrics = curve_json(fit);
  metrics["ratings"] = all.data.by_user.size();
  if (!validated.is_null()) metrics["validated"] = validated;
  out.manifest.metrics_json = metrics.dump();
  write_tensors(job, all.data, out);
  write_samples(all.data, fit, out);
  write_time(std::move(all.time), all.data.by_item.rows, out);
  return {};
}

uint64_t mf_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs) {
  const MfConfig& config = configs.mf;
  const auto dim = static_cast<uint64_t>(std::max(1, config.factors)) + 1;
  const auto samples = config.solver == "gibbs" ? static_cast<uint64_t>(config.samples) : 1;
  const auto profile = static_cast<uint64_t>(config.solver == "gibbs" ? config.profile + 1 : 0);
  constexpr uint64_t kRating = 2 * (sizeof(uint32_t) + sizeof(float) + sizeof(TimeUs));
  const uint64_t rows = sizes.users + sizes.items;
  // The samples once more as they are written; profiles and what they are computed from.
  const uint64_t vectors = rows * (dim + 2 * profile) * sizeof(float);
  return sizes.interactions * kRating + vectors +
         2 * sizes.items * (samples * dim + profile) * sizeof(float);
}

}  // namespace palate
