#include "models/als/train.h"

#include <algorithm>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "models/als/train_fit.h"

namespace palate {
namespace {

// rows × dim into rows × factors.
std::vector<float> without_padding(std::span<const float> rows, size_t dim, size_t factors) {
  std::vector<float> out(rows.size() / dim * factors);
  for (size_t i = 0; i * dim < rows.size(); ++i) {
    std::copy_n(rows.data() + i * dim, factors, out.data() + i * factors);
  }
  return out;
}

std::vector<uint32_t> interactions_by_item(const SparseMatrix& matrix) {
  std::vector<uint32_t> count(matrix.cols, 0);
  for (uint32_t item : matrix.index) ++count[item];
  return count;
}

}  // namespace

Status train_als(const TrainJob& job, ArtefactWriter& out) {
  const AlsConfig& config = job.configs->als;
  const SparseMatrix matrix = preference_matrix(*job.data);
  Progress progress("training als", static_cast<uint64_t>(config.iterations), "epochs");
  AlsFitOptions options;
  options.config = config;
  options.seed = job.seed;
  options.pool = job.pool;
  options.stop = job.stop;
  options.after_epoch = [&](int) { progress.add(); };
  AlsFactors fitted = TRY(als_fit(matrix, options));

  const size_t factors = fitted.factors;
  out.manifest.metrics_json =
      nlohmann::json{{"loss_by_epoch", fitted.loss}, {"interactions", matrix.index.size()}}.dump();
  fitted.spectrum.resize(factors);
  out.add<float>("spectrum", {factors}, std::move(fitted.spectrum));
  out.add<float>("item_factors", {matrix.cols, factors},
                 without_padding(fitted.items, fitted.dim, factors));
  out.add<uint32_t>("item_count", {matrix.cols}, interactions_by_item(matrix));
  return {};
}

}  // namespace palate
