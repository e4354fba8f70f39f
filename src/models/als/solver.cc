#include "models/als/solver.h"

#include <algorithm>
#include <cmath>

#include "math/dense.h"

namespace palate {
namespace {

void ensure(FloatTable& buffer, size_t size) {
  if (buffer.size() < size) buffer.resize(size);
}

// Rows that stay in a second-level cache from one pass over them to the next.
constexpr size_t kCachedBytes = size_t{512} << 10;

}  // namespace

// A x = rhs with A = diagonal + sum weight row rowᵀ.
struct AlsSolver::System {
  const AlsRow& row;
  const float* rhs;  // nullptr: sum of (1 + weight) * row
};

AlsSolver::AlsSolver(const RowsView& fixed, const float* spectrum, const AlsSolverOptions& options)
    : fixed_(fixed), spectrum_(spectrum), options_(options) {
  constexpr float kNoise = 1e-7F, kTiny = 1e-20F;
  smallest_ = std::max(kTiny, kNoise * *std::max_element(spectrum, spectrum + options.factors));
}

double AlsSolverOptions::lambda(size_t entries, size_t columns) const {
  if (exponent == 0) return regularization;
  const double size = static_cast<double>(entries) + static_cast<double>(columns) / alpha;
  return regularization * std::pow(size, exponent);
}

void AlsSolver::diagonal_of(const AlsRow& row, float* diagonal) const {
  const auto lambda = static_cast<float>(options_.lambda(row.index.size(), fixed_.count));
  for (size_t d = 0; d < options_.factors; ++d) {
    diagonal[d] = std::max(spectrum_[d] + lambda, smallest_);
  }
  std::fill(diagonal + options_.factors, diagonal + fixed_.dim, 1.0F);
}

double AlsSolver::solve(const AlsRow& row, float* x, AlsScratch& scratch) const {
  if (row.index.empty()) {
    std::fill_n(x, fixed_.dim, 0.0F);
    return 0;
  }
  const System system{row, nullptr};
  if (double loss = 0; options_.method == AlsMethod::kBlocks && by_blocks(row, x, loss, scratch)) {
    return loss;
  }
  if (options_.method == AlsMethod::kCholesky) {
    double loss = 0;
    const size_t entries = padded(row.index.size());
    if (entries < fixed_.dim && entries <= options_.system_max) {
      if (dual(system, x, loss, scratch)) return loss;
    } else if (fixed_.dim <= options_.system_max) {
      if (primal(system, x, loss, scratch)) return loss;
    }
  }
  return conjugate_gradient(system, x, scratch);
}

void AlsSolver::solve_for(const AlsRow& row, const float* rhs, float* x,
                          AlsScratch& scratch) const {
  const System system{row, rhs};
  double unused = 0;
  if (options_.method == AlsMethod::kCholesky && fixed_.dim <= options_.system_max &&
      primal(system, x, unused, scratch)) {
    return;
  }
  std::fill_n(x, fixed_.dim, 0.0F);
  conjugate_gradient(system, x, scratch);
}

// Hestenes and Stiefel's method, a few steps from the last vector (Takács, Pilászy, Tikk,
// "Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering",
// RecSys 2011), preconditioned by the diagonal, which is A without the row's own entries. A is
// never formed.
double AlsSolver::conjugate_gradient(const System& system, float* x, AlsScratch& scratch) const {
  const size_t dim = fixed_.dim, count = system.row.index.size();
  PickedRows rows{fixed_, system.row.index, system.row.upcoming};
  ensure(scratch.vectors, 5 * dim);
  ensure(scratch.coefficients, 3 * count);
  float *diagonal = scratch.vectors.data(), *inverse = diagonal + dim, *r = inverse + dim;
  float *p = r + dim, *ap = p + dim;
  float *confidence = scratch.coefficients.data(), *weight = confidence + count;
  float* minus_weight = weight + count;
  const auto alpha = static_cast<float>(options_.alpha);
  double loss = 0;
  for (size_t i = 0; i < count; ++i) {
    weight[i] = alpha * system.row.value[i];
    minus_weight[i] = -weight[i];
    confidence[i] = system.rhs == nullptr ? 1.0F + weight[i] : 0.0F;
    loss += confidence[i];
  }
  diagonal_of(system.row, diagonal);
  for (size_t d = 0; d < dim; ++d) {
    inverse[d] = 1.0F / diagonal[d];
    r[d] = (system.rhs == nullptr ? 0.0F : system.rhs[d]) - diagonal[d] * x[d];
  }
  // The loss is x·Ax - 2 x·b + sum c with b = r + Ax.
  loss -= rows_apply(rows, {confidence, minus_weight}, x, r) + dot(x, r, dim);
  rows.cached = count * dim * sizeof(float) <= kCachedBytes;
  float square = 0;
  for (size_t d = 0; d < dim; ++d) p[d] = inverse[d] * r[d];
  square = dot(p, r, dim);
  constexpr float kNothingLeft = 1e-20F;
  const float enough = std::max(kNothingLeft, square * options_.tolerance * options_.tolerance);
  for (int step = 1; square >= enough && step <= options_.steps_max; ++step) {
    const bool last = step == options_.steps_max;  // whose residual nobody needs
    for (size_t d = 0; d < dim; ++d) ap[d] = diagonal[d] * p[d];
    double curvature = 0;
    if (last) {
      curvature += rows_quadratic(rows, weight, p);
    } else {
      rows_apply(rows, {nullptr, weight}, p, ap);
    }
    curvature += dot(p, ap, dim);
    const auto length = static_cast<float>(square / curvature);
    loss -= length * square;
    axpy(length, p, x, dim);
    if (last) break;
    axpy(-length, ap, r, dim);
    for (size_t d = 0; d < dim; ++d) ap[d] = inverse[d] * r[d];
    const float next = dot(ap, r, dim);
    const float turn = next / square;
    for (size_t d = 0; d < dim; ++d) p[d] = ap[d] + turn * p[d];
    square = next;
  }
  return loss;
}

// A is formed, dim × dim, and factored.
bool AlsSolver::primal(const System& system, float* x, double& loss, AlsScratch& scratch) const {
  const size_t dim = fixed_.dim, count = system.row.index.size();
  ensure(scratch.matrix, dim * dim);
  ensure(scratch.packed, std::min(count, kPackedRowsMax) * dim);
  ensure(scratch.vectors, 3 * dim);
  ensure(scratch.coefficients, 2 * count);
  float *a = scratch.matrix.data(), *solution = scratch.vectors.data(), *b = solution + dim;
  float *diagonal = b + dim, *confidence = scratch.coefficients.data(), *root = confidence + count;
  std::fill_n(a, dim * dim, 0.0F);
  diagonal_of(system.row, diagonal);
  for (size_t d = 0; d < dim; ++d) a[d * dim + d] = diagonal[d];
  if (system.rhs == nullptr) {
    std::fill_n(b, dim, 0.0F);
  } else {
    std::copy_n(system.rhs, dim, b);
  }
  loss = 0;
  for (size_t i = 0; i < count; ++i) {
    const float weight = static_cast<float>(options_.alpha) * system.row.value[i];
    confidence[i] = 1.0F + weight;
    root[i] = std::sqrt(weight);
    loss += confidence[i];
  }
  for (size_t begin = 0; begin < count; begin += kPackedRowsMax) {
    const size_t step = std::min(kPackedRowsMax, count - begin);
    const PickedRows rows{fixed_, system.row.index.subspan(begin, step),
                          count - begin - step + system.row.upcoming};
    const float* offset = system.rhs == nullptr ? confidence + begin : nullptr;
    pack_rows(rows, {offset, root + begin}, scratch.packed.data(), b);
    add_outer({scratch.packed.data(), step, dim}, a);
  }
  std::copy_n(b, dim, solution);
  if (!cholesky_solve(a, solution, dim)) return false;
  std::copy_n(solution, dim, x);
  loss -= dot(x, b, dim);
  return true;
}

// A row with fewer entries than factors, by Woodbury's identity: with D the diagonal and the rows
// of V being sqrt(w_i) y_i D^(-1/2),
//   x = D^(-1/2) Vᵀ h,   (I + V Vᵀ) h = g,   g_i = c_i / sqrt(w_i),
// a system of as many unknowns as entries. V x' = g - h gives the loss.
bool AlsSolver::dual(const System& system, float* x, double& loss, AlsScratch& scratch) const {
  const size_t dim = fixed_.dim, count = system.row.index.size(), size = padded(count);
  const PickedRows rows{fixed_, system.row.index, system.row.upcoming};
  ensure(scratch.matrix, size * size);
  ensure(scratch.packed, size * dim);
  ensure(scratch.vectors, 2 * dim + size);
  ensure(scratch.coefficients, 2 * count);
  float *k = scratch.matrix.data(), *diagonal = scratch.vectors.data();
  float *inverse_root = diagonal + dim, *h = inverse_root + dim;
  float *root = scratch.coefficients.data(), *g = root + count;
  loss = 0;
  for (size_t i = 0; i < count; ++i) {
    const float weight = static_cast<float>(options_.alpha) * system.row.value[i];
    root[i] = std::sqrt(weight);
    g[i] = (1.0F + weight) / root[i];
    loss += 1.0F + weight;
  }
  diagonal_of(system.row, diagonal);
  for (size_t d = 0; d < dim; ++d) inverse_root[d] = 1.0F / std::sqrt(diagonal[d]);
  std::fill_n(k, size * size, 0.0F);
  for (size_t i = 0; i < size; ++i) k[i * size + i] = 1.0F;
  pack_columns(rows, root, inverse_root, scratch.packed.data());
  add_outer({scratch.packed.data(), dim, size}, k);
  std::copy_n(g, count, h);
  std::fill(h + count, h + size, 0.0F);
  if (!cholesky_solve(k, h, size)) return false;
  for (size_t i = 0; i < count; ++i) {
    loss -= double{g[i]} * (g[i] - h[i]);
    h[i] *= root[i];
  }
  std::fill_n(x, dim, 0.0F);
  rows_add(rows, h, x);
  for (size_t d = 0; d < dim; ++d) x[d] /= diagonal[d];
  return true;
}

}  // namespace palate
