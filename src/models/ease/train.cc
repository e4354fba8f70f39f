#include "models/ease/train.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "math/rows.h"
#include "models/ease/train_fit.h"
#include "models/train_item_weights.h"

namespace palate {

Status train_ease(const TrainJob& job, ArtefactWriter& out) {
  SparseMatrix matrix = preference_matrix(*job.data);
  const EaseFitOptions options{job.configs->ease, job.pool, job.stop};
  add_item_counts(matrix, out);
  const size_t items = matrix.cols;
  if (options.config.solver == "exact") {
    auto weights = std::make_shared<FloatTable>(TRY(ease_fit_exact(std::move(matrix), options)));
    out.add<float>("weights", {items, padded(items)}, std::span<const float>(*weights));
    out.keep(std::move(weights));
    return {};
  }
  if (options.config.solver != "neighbours") {
    return fail(Code::kInvalidArgument, "ease.solver is '{}'; use neighbours or exact",
                options.config.solver);
  }
  add_item_weights(TRY(ease_fit_neighbours(std::move(matrix), options)), out);
  return {};
}

uint64_t ease_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs) {
  const uint64_t items = sizes.items;
  if (configs.ease.solver == "exact") {
    // The matrix, and once more as the artefact's file is read back for its checksum.
    return 2 * items * padded(items) * sizeof(float) + matrix_memory_bytes(sizes);
  }
  const uint64_t kept =
      items *
      std::min<uint64_t>(items, static_cast<uint64_t>(std::max(1, configs.ease.neighbours)));
  return cooccurrence_memory_bytes(sizes) + weights_memory_bytes(kept) + matrix_memory_bytes(sizes);
}

}  // namespace palate
