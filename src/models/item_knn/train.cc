#include "models/item_knn/train.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/item_weights.h"
#include "models/train_item_weights.h"

namespace palate {
namespace {

// similarity(i, j) = past[i] * target[j] * sum over users of x_ui x_uj, to the power `contrast`.
struct Similarity {
  SparseMatrix matrix;  // x
  std::vector<float> past, target;
};

// log(items / entries) of each user, as a document frequency: many items say little about each.
std::vector<double> rarity_of_users(const SparseMatrix& matrix, double add) {
  std::vector<double> out(matrix.rows);
  for (size_t user = 0; user < matrix.rows; ++user) {
    const auto entries = static_cast<double>(matrix.start[user + 1] - matrix.start[user]);
    out[user] = std::max(0.0, std::log(static_cast<double>(matrix.cols) / (entries + add)));
  }
  return out;
}

void scale_rows(SparseMatrix& matrix, std::span<const double> scale) {
  for (size_t row = 0; row < matrix.rows; ++row) {
    for (uint64_t i = matrix.start[row]; i < matrix.start[row + 1]; ++i) {
      matrix.value[i] *= static_cast<float>(scale[row]);
    }
  }
}

// One over the length of each column; 1 for an empty one.
std::vector<float> inverse_lengths(const SparseMatrix& matrix) {
  std::vector<double> square(matrix.cols, 0.0);
  for (size_t i = 0; i < matrix.index.size(); ++i) {
    square[matrix.index[i]] += double{matrix.value[i]} * matrix.value[i];
  }
  std::vector<float> out;
  for (const double sum : square) {
    out.push_back(sum > 0 ? static_cast<float>(1 / std::sqrt(sum)) : 1.0F);
  }
  return out;
}

// Items are documents and users their words (Robertson and Zaragoza, "The Probabilistic Relevance
// Framework: BM25 and Beyond", 2009, section 3.2).
void weigh_bm25(SparseMatrix& matrix, std::span<const uint32_t> counts) {
  constexpr double kSaturation = 1.2, kLengths = 0.75;
  const double mean =
      static_cast<double>(matrix.index.size()) /
      static_cast<double>(std::ranges::count_if(counts, [](auto n) { return n > 0; }));
  for (size_t i = 0; i < matrix.index.size(); ++i) {
    const double length = 1 - kLengths + kLengths * counts[matrix.index[i]] / mean;
    const double value = matrix.value[i];
    matrix.value[i] =
        static_cast<float>(value * (kSaturation + 1) / (kSaturation * length + value));
  }
}

Similarity paths(SparseMatrix matrix, const ItemKnnConfig& config) {
  const auto counts = entries_by_column(matrix);
  weigh_entries(matrix, {.user_power = config.user_power, .value_power = config.value_power});
  return {std::move(matrix), powers_of(counts, -config.item_power),
          powers_of(counts, -config.target_power)};
}

// Random walks of three steps with the target's frequency taken off (Paudel et al., "Updatable,
// Accurate, Diverse, and Scalable Recommendations for Interactive Applications", TiiS 7(1), 2016).
Similarity rp3beta(SparseMatrix matrix, ItemKnnConfig config) {
  config.user_power = config.item_power;
  return paths(std::move(matrix), config);
}

Similarity compared(SparseMatrix matrix, const ItemKnnConfig& config) {
  const auto counts = entries_by_column(matrix);
  weigh_entries(matrix, {.value_power = config.value_power});
  if (config.similarity == "bm25") {
    weigh_bm25(matrix, counts);
    scale_rows(matrix, rarity_of_users(matrix, 1));
    return {std::move(matrix), std::vector<float>(counts.size(), 1.0F),
            std::vector<float>(counts.size(), 1.0F)};
  }
  if (config.similarity == "tfidf") scale_rows(matrix, rarity_of_users(matrix, 0));
  auto inverse = inverse_lengths(matrix);
  return {std::move(matrix), inverse, inverse};
}

Similarity similarity_of(SparseMatrix matrix, const ItemKnnConfig& config) {
  if (config.similarity == "paths") return paths(std::move(matrix), config);
  if (config.similarity == "rp3beta") return rp3beta(std::move(matrix), config);
  return compared(std::move(matrix), config);
}

}  // namespace

Result<SparseMatrix> item_knn_fit(SparseMatrix matrix, const ItemKnnConfig& config,
                                  const Workers& workers) {
  if (matrix.index.empty()) {
    return fail(Code::kInvalidArgument, "item_knn needs at least one positive interaction");
  }
  Similarity like = similarity_of(std::move(matrix), config);
  const Cooccurrence pairs(std::move(like.matrix));
  return nearest_items(pairs,
                       {.neighbours = static_cast<size_t>(config.neighbours),
                        .contrast = static_cast<float>(config.contrast),
                        .own = like.target,
                        .other = like.past},
                       workers);
}

Status train_item_knn(const TrainJob& job, ArtefactWriter& out) {
  SparseMatrix matrix = preference_matrix(*job.data);
  add_item_counts(matrix, out);
  add_item_weights(
      TRY(item_knn_fit(std::move(matrix), job.configs->item_knn, {job.pool, job.stop})), out);
  return {};
}

uint64_t item_knn_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs) {
  const auto neighbours = static_cast<uint64_t>(std::max(1, configs.item_knn.neighbours));
  return weights_memory_bytes(sizes.items * std::min<uint64_t>(sizes.items, neighbours)) +
         matrix_memory_bytes(sizes);
}

}  // namespace palate
