#include "models/als/train.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "models/als/train_fit.h"

namespace palate {
namespace {

// rows × dim into rows × factors.
std::vector<float> without_padding(const std::vector<float>& rows, size_t dim, size_t factors) {
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

  const RowsView items{fitted.items.data(), matrix.cols, fitted.dim};
  const std::vector<float> gram = TRY(gram_matrix(items, *job.pool, job.stop));
  const size_t factors = fitted.factors;
  out.manifest.metrics_json =
      nlohmann::json{{"loss_by_epoch", fitted.loss}, {"interactions", matrix.index.size()}}.dump();
  std::vector<float> gram_used = without_padding(gram, fitted.dim, factors);
  gram_used.resize(factors * factors);
  out.add<float>("gram", {factors, factors}, std::move(gram_used));
  out.add<float>("item_factors", {matrix.cols, factors},
                 without_padding(fitted.items, fitted.dim, factors));
  out.add<uint32_t>("item_count", {matrix.cols}, interactions_by_item(matrix));
  return {};
}

}  // namespace palate
