#include "models/graph/train.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "math/philox.h"
#include "math/rows.h"
#include "models/als/train_fit.h"
#include "models/als/train_memory.h"
#include "models/item_knn/train.h"
#include "models/item_weights.h"
#include "models/train_item_weights.h"

namespace palate {
namespace {

constexpr size_t kOversampling = 16;
constexpr size_t kBlockRows = 256;

// Makes the columns orthogonal, in the order of ascending length, and of length 1 (a column of
// zeros stays). Returns their lengths, squared.
Result<std::vector<float>> orthonormalize(const Rows& rows, size_t factors,
                                          const SpectralOptions& options) {
  AlsFitOptions parallel;
  parallel.pool = options.workers.pool;
  parallel.stop = options.workers.stop;
  auto lengths = TRY(als_diagonalize(rows, {rows.data, 0, rows.dim}, factors, parallel));
  const float nothing = 1e-10F * *std::ranges::max_element(lengths);
  std::vector<float> scale(rows.dim, 0.0F);
  for (size_t d = 0; d < factors; ++d) {
    if (lengths[d] > nothing) scale[d] = 1 / std::sqrt(lengths[d]);
  }
  for (size_t row = 0; row < rows.count; ++row) {
    for (size_t d = 0; d < rows.dim; ++d) rows.data[row * rows.dim + d] *= scale[d];
  }
  return lengths;
}

FloatTable random_start(const SparseMatrix& matrix, size_t factors, uint64_t seed) {
  const size_t dim = padded(factors);
  FloatTable out(matrix.cols * dim, 0.0F);
  for (size_t row = 0; row < matrix.cols; ++row) {
    Philox random(seed, row);
    for (size_t d = 0; d < factors; ++d) {
      out[row * dim + d] = static_cast<float>(random.normal());
    }
  }
  return out;
}

// The last `factors` of `found` columns, the largest first.
SpectralBasis largest(const FloatTable& vectors, std::span<const float> squares, size_t found,
                      size_t factors) {
  const size_t wide = padded(found), items = vectors.size() / wide;
  SpectralBasis out;
  out.dim = padded(factors);
  out.items.assign(items * out.dim, 0.0F);
  out.values.assign(out.dim, 0.0F);
  for (size_t d = 0; d < factors; ++d) {
    const size_t from = found - 1 - d;
    // What is orthogonal now has been multiplied by XᵀX once: its length is a squared singular
    // value.
    out.values[d] = std::sqrt(std::max(0.0F, squares[from]));
    for (size_t i = 0; i < items; ++i) out.items[i * out.dim + d] = vectors[i * wide + from];
  }
  return out;
}

// X of the filters: D_U^-1/2 R D_I^-1/2.
SparseMatrix normalized(SparseMatrix matrix, std::span<const uint32_t> counts, double value_power) {
  weigh_entries(matrix, {.user_power = 1, .value_power = value_power});
  const auto scale = powers_of(counts, -0.5);
  for (size_t i = 0; i < matrix.index.size(); ++i) matrix.value[i] *= scale[matrix.index[i]];
  return matrix;
}

// By how much the low-pass scores must be multiplied to be as large as the linear ones, by the root
// of the mean square over some users. The filters' own scales depend on the powers.
float balance(const SparseMatrix& matrix, const GraphFilters& filters, const GraphConfig& config) {
  constexpr size_t kUsersMax = 256;
  const size_t items = matrix.cols, step = std::max<size_t>(1, matrix.rows / kUsersMax);
  FloatTable sums(items), vector(filters.dim), products(items);
  double linear = 0, low_pass = 0;
  for (size_t user = 0; user < matrix.rows; user += step) {
    std::ranges::fill(sums, 0.0F);
    std::ranges::fill(vector, 0.0F);
    for (uint64_t i = matrix.start[user]; i < matrix.start[user + 1]; ++i) {
      const uint32_t item = matrix.index[i];
      const float value = interaction_strength(matrix.value[i], config.value_power);
      axpy(value, filters.past.data() + item * filters.dim, vector.data(), filters.dim);
      const auto& weights = filters.linear;
      for (uint64_t e = weights.start[item]; e < weights.start[item + 1]; ++e) {
        sums[weights.index[e]] += value * weights.value[e];
      }
    }
    rows_dot(RowsView{filters.target.data(), items, filters.dim}, vector.data(), products.data());
    for (size_t i = 0; i < items; ++i) {
      linear += double{sums[i]} * sums[i];
      low_pass += double{products[i]} * products[i];
    }
  }
  return linear > 0 && low_pass > 0 ? static_cast<float>(std::sqrt(linear / low_pass)) : 1.0F;
}

void add_table(std::string_view name, FloatTable table, size_t dim, ArtefactWriter& out) {
  auto kept = std::make_shared<FloatTable>(std::move(table));
  out.add<float>(std::string(name), {kept->size() / dim, dim}, std::span<const float>(*kept));
  out.keep(std::move(kept));
}

}  // namespace

Status multiply_rows(const SparseMatrix& matrix, const RowsView& vectors, FloatTable& out,
                     const Workers& workers) {
  const size_t dim = vectors.dim;
  out.assign(matrix.rows * dim, 0.0F);
  const auto block_of = [&](size_t block, size_t) {
    const size_t last = std::min((block + 1) * kBlockRows, matrix.rows);
    for (size_t row = block * kBlockRows; row < last; ++row) {
      const uint64_t begin = matrix.start[row], count = matrix.start[row + 1] - begin;
      const PickedRows picked{vectors, {matrix.index.data() + begin, count}};
      rows_add(picked, matrix.value.data() + begin, out.data() + row * dim);
    }
  };
  return workers.pool->for_blocks((matrix.rows + kBlockRows - 1) / kBlockRows, block_of,
                                  workers.stop);
}

Result<SpectralBasis> spectral_basis(const SparseMatrix& matrix, const SpectralOptions& options) {
  const size_t most = std::min(matrix.rows, matrix.cols);
  const size_t found = std::min(options.factors + kOversampling, most), dim = padded(found);
  const SparseMatrix by_item = matrix.transposed();
  FloatTable items = random_start(matrix, found, options.seed), users;
  const Rows rows{items.data(), matrix.cols, dim};
  TRY(orthonormalize(rows, found, options));
  std::vector<float> squares;
  for (int i = 0; i < options.iterations; ++i) {
    TRY(multiply_rows(matrix, {items.data(), matrix.cols, dim}, users, options.workers));
    TRY(multiply_rows(by_item, {users.data(), matrix.rows, dim}, items, options.workers));
    squares = TRY(orthonormalize({items.data(), matrix.cols, dim}, found, options));
  }
  return largest(items, squares, found, std::min(options.factors, most));
}

Status train_graph(const TrainJob& job, ArtefactWriter& out) {
  const GraphConfig& config = job.configs->graph;
  const SparseMatrix matrix = preference_matrix(*job.data);
  if (matrix.index.empty()) {
    return fail(Code::kInvalidArgument, "graph needs at least one positive interaction");
  }
  const Workers workers{job.pool, job.stop};
  const auto counts = entries_by_column(matrix);
  GraphInput input{matrix, normalized(matrix, counts, config.value_power), counts};
  GraphFilters filters = TRY(graph_filters(input, job));
  filters.linear = TRY(item_knn_fit(matrix,
                                    {.similarity = "paths",
                                     .neighbours = config.neighbours,
                                     .user_power = config.user_power,
                                     .item_power = config.item_power,
                                     .target_power = config.target_power,
                                     .contrast = 1,
                                     .value_power = config.value_power},
                                    workers));
  // The sharpened filter's parts are in proportion already.
  float scale = 1;
  if (config.filter != "sharpened") {
    scale = static_cast<float>(config.low_pass) * balance(matrix, filters, config);
  }
  for (float& value : filters.past) value *= scale;
  for (float& value : filters.linear.value) value *= filters.linear_scale;
  add_item_counts(matrix, out);
  add_item_weights(std::move(filters.linear), out);
  add_table("past", std::move(filters.past), filters.dim, out);
  add_table("target", std::move(filters.target), filters.dim, out);
  out.add<float>("frequencies", {filters.frequencies.size()}, std::move(filters.frequencies));
  return {};
}

uint64_t graph_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs) {
  const uint64_t factors = static_cast<uint64_t>(std::max(1, configs.graph.factors));
  const bool sharpened = configs.graph.filter == "sharpened";
  const uint64_t dim = padded((sharpened ? 2 : 1) * factors + kOversampling);
  ModelConfigs linear = configs;
  linear.item_knn.neighbours = configs.graph.neighbours;
  // Users and items in work, then the basis, its two tables and the file they are read back from.
  const uint64_t tables = (sizes.users + 6 * sizes.items) * dim * sizeof(float);
  constexpr uint64_t kGramBlocks = 74;
  uint64_t vectors = 0;
  if (configs.graph.filter == "propagated") vectors = als_memory_bytes(sizes, configs);
  return vectors + tables + kGramBlocks * dim * dim * sizeof(float) +
         item_knn_memory_bytes(sizes, linear);
}

}  // namespace palate
