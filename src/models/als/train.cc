#include "models/als/train.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "math/philox.h"
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

// The item vectors of the version before, with small random ones for what came since; empty where
// there is none, or none of that many factors.
Result<std::vector<float>> warm_items(const TrainJob& job, size_t items) {
  constexpr uint64_t kStream = 2;
  const auto factors = static_cast<size_t>(job.configs->als.factors);
  if (!job.configs->als.warm_start || job.previous == nullptr) return std::vector<float>{};
  const auto before = TRY(job.previous->tensor("item_factors", DType::kF32, 2));
  if (before.cols() != factors || before.rows() > items) return std::vector<float>{};
  std::vector<float> out(items * factors);
  std::memcpy(out.data(), before.bytes.data(), before.bytes.size());
  const float scale = 0.1F / std::sqrt(static_cast<float>(factors));
  for (size_t item = before.rows(); item < items; ++item) {
    Philox random(job.seed, kStream << 32 | item);
    for (size_t d = 0; d < factors; ++d) {
      out[item * factors + d] = scale * static_cast<float>(random.normal());
    }
  }
  return out;
}

}  // namespace

Status train_als(const TrainJob& job, ArtefactWriter& out) {
  const AlsConfig& config = job.configs->als;
  const SparseMatrix matrix = preference_matrix(*job.data);
  AlsFitOptions options;
  options.config = config;
  const auto warm = TRY(warm_items(job, matrix.cols));
  options.items = warm;
  if (!warm.empty()) options.config.iterations = config.warm_iterations;
  Progress progress("training als", static_cast<uint64_t>(options.config.iterations), "epochs");
  options.seed = job.seed;
  options.pool = job.pool;
  options.stop = job.stop;
  options.after_epoch = [&](int) { progress.add(); };
  AlsFactors fitted = TRY(als_fit(matrix, options));

  const size_t factors = fitted.factors;
  out.manifest.metrics_json =
      nlohmann::json{{"loss_by_epoch", fitted.loss},
                     {"interactions", matrix.index.size()},
                     {"started_from", warm.empty() ? "" : job.previous->manifest().version}}
          .dump();
  fitted.spectrum.resize(factors);
  out.add<float>("spectrum", {factors}, std::move(fitted.spectrum));
  out.add<float>("item_factors", {matrix.cols, factors},
                 without_padding(fitted.items, fitted.dim, factors));
  out.add<uint32_t>("item_count", {matrix.cols}, interactions_by_item(matrix));
  return {};
}

}  // namespace palate
