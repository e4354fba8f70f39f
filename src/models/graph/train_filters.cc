#include <algorithm>
#include <cmath>
#include <utility>

#include "models/als/train_fit.h"
#include "models/graph/train.h"

namespace palate {
namespace {

constexpr size_t kBlockRows = 256;

FloatTable scaled_rows(const SpectralBasis& basis, std::span<const float> scale) {
  FloatTable out = basis.items;
  for (size_t i = 0; i < scale.size(); ++i) {
    for (size_t d = 0; d < basis.dim; ++d) out[i * basis.dim + d] *= scale[i];
  }
  return out;
}

Result<SpectralBasis> basis_of(const GraphInput& input, const TrainJob& job) {
  const GraphConfig& config = job.configs->graph;
  return spectral_basis(
      input.normalized,
      {static_cast<size_t>(config.factors), config.iterations, job.seed, {job.pool, job.stop}});
}

// Shen et al. 2021, section 4.3: the projection onto the slowest frequencies.
Result<GraphFilters> low_pass(const GraphInput& input, const TrainJob& job) {
  SpectralBasis basis = TRY(basis_of(input, job));
  GraphFilters out;
  out.past = scaled_rows(basis, powers_of(input.counts, -0.5));
  out.target = scaled_rows(basis, powers_of(input.counts, 0.5));
  out.dim = basis.dim;
  out.frequencies = std::move(basis.values);
  return out;
}

// left ᵀ right of two tables of the same shape: dim × dim.
std::vector<double> products(const FloatTable& left, const FloatTable& right, size_t dim) {
  std::vector<double> out(dim * dim, 0.0);
  for (size_t row = 0; row < left.size() / dim; ++row) {
    const float* from = right.data() + row * dim;
    for (size_t a = 0; a < dim; ++a) {
      const double scale = left[row * dim + a];
      for (size_t b = 0; b < dim; ++b) out[a * dim + b] += scale * from[b];
    }
  }
  return out;
}

// What sharpening leaves of each frequency, beyond what it leaves of those that were not found.
struct Shares {
  std::vector<double> beyond;
  double rest = 1;
};
Shares shares_of(const SpectralBasis& basis, const GraphConfig& config) {
  const auto factors = std::min<size_t>(static_cast<size_t>(config.factors), basis.dim);
  // Those lie between nothing and the last one found, where a share changes little.
  Shares out{std::vector<double>(basis.dim, 0.0),
             sharpened_share(basis.values[factors - 1] / 2, config.sharpening)};
  for (size_t d = 0; d < factors; ++d) {
    out.beyond[d] = sharpened_share(basis.values[d], config.sharpening) - out.rest;
  }
  return out;
}

// Both filters, then sharpening (Choi et al. 2023, early merge): with P the linear filter, V its
// slowest frequencies l, and s what sharpening leaves of a frequency,
//   (P + low_pass D^-1/2 V Vᵀ D^1/2) S,   S = V s(l) Vᵀ + s_rest (I - V Vᵀ).
// So P counts s_rest, and the rest is products of two tables, twice as wide:
//   [V, D^-1/2 V] and [V l (s - s_rest), low_pass (s_rest D^1/2 V + V (s - s_rest) Vᵀ D^1/2 V)].
Result<GraphFilters> sharpened(const GraphInput& input, const TrainJob& job) {
  const GraphConfig& config = job.configs->graph;
  const SpectralBasis basis = TRY(basis_of(input, job));
  const size_t dim = basis.dim, items = basis.items.size() / dim;
  const auto [beyond, rest] = shares_of(basis, config);
  const FloatTable wide = scaled_rows(basis, powers_of(input.counts, 0.5));
  const FloatTable narrow = scaled_rows(basis, powers_of(input.counts, -0.5));
  const auto turn = products(basis.items, wide, dim);  // Vᵀ D^1/2 V
  const auto low_pass = static_cast<float>(config.low_pass);
  GraphFilters out;
  out.dim = 2 * dim;
  out.linear_scale = static_cast<float>(rest);
  out.frequencies = basis.values;
  out.past.assign(items * out.dim, 0.0F);
  out.target.assign(items * out.dim, 0.0F);
  std::vector<float> scaled(dim * dim);
  for (size_t i = 0; i < scaled.size(); ++i) {
    scaled[i] = low_pass * static_cast<float>(beyond[i / dim] * turn[i]);
  }
  const auto fill = [&](size_t block, size_t) {
    for (size_t i = block * kBlockRows; i < std::min((block + 1) * kBlockRows, items); ++i) {
      const float* v = basis.items.data() + i * dim;
      float *past = out.past.data() + i * out.dim, *target = out.target.data() + i * out.dim;
      std::copy_n(v, dim, past);
      std::copy_n(narrow.data() + i * dim, dim, past + dim);
      for (size_t d = 0; d < dim; ++d) {
        target[d] = static_cast<float>(v[d] * basis.values[d] * beyond[d]);
        target[dim + d] = low_pass * out.linear_scale * wide[i * dim + d];
      }
      for (size_t d = 0; d < dim; ++d) axpy(v[d], scaled.data() + d * dim, target + dim, dim);
    }
  };
  TRY(job.pool->for_blocks((items + kBlockRows - 1) / kBlockRows, fill, job.stop));
  return out;
}

// Item vectors of als, passed along the graph without weights and averaged over the layers (He et
// al., "LightGCN", SIGIR 2020, section 3.1); a user is made of his items, as one layer makes him.
Result<GraphFilters> propagated(const GraphInput& input, const TrainJob& job) {
  const int layers = job.configs->graph.layers;
  AlsFitOptions options;
  options.config = job.configs->als;
  options.seed = job.seed;
  options.pool = job.pool;
  options.stop = job.stop;
  AlsFactors fitted = TRY(als_fit(input.matrix, options));
  const Workers workers{job.pool, job.stop};
  const SparseMatrix by_item = input.normalized.transposed();
  const size_t items = input.matrix.cols;
  GraphFilters out;
  out.dim = fitted.dim;
  FloatTable now = std::move(fitted.items), users;
  out.target = now;
  for (int layer = 1; layer <= layers; ++layer) {
    out.past = out.target;  // a user lies one layer behind his items
    TRY(multiply_rows(input.normalized, {now.data(), items, out.dim}, users, workers));
    TRY(multiply_rows(by_item, {users.data(), input.matrix.rows, out.dim}, now, workers));
    for (size_t i = 0; i < now.size(); ++i) out.target[i] += now[i];
  }
  const auto scale = powers_of(input.counts, -0.5);
  for (size_t i = 0; i < out.past.size(); ++i) out.past[i] *= scale[i / out.dim];
  return out;
}

}  // namespace

double sharpened_share(double frequency, double time) {
  const double z = frequency * time;
  return 1 - z + z * z / 2 - z * z * z / 6 + z * z * z * z / 24;
}

Result<GraphFilters> graph_filters(const GraphInput& input, const TrainJob& job) {
  const std::string& filter = job.configs->graph.filter;
  if (filter == "low_pass") return low_pass(input, job);
  if (filter == "sharpened") return sharpened(input, job);
  if (filter == "propagated") return propagated(input, job);
  return fail(Code::kInvalidArgument, "graph.filter is '{}'; use low_pass, sharpened or propagated",
              filter);
}

}  // namespace palate
