#include "models/als/solver.h"

#include <algorithm>
#include <cmath>

#include "math/dense.h"

namespace palate {
namespace {

void ensure(std::vector<float>& buffer, size_t size) {
  if (buffer.size() < size) buffer.resize(size);
}

}  // namespace

// A x = rhs with A = gram + sum weight row rowᵀ + lambda I.
struct AlsSolver::System {
  const AlsRow& row;
  const float* rhs;  // nullptr: sum of (1 + weight) * row
  float lambda;
};

double AlsSolver::regularization(size_t entries) const {
  if (options_.exponent == 0) return options_.regularization;
  const double size =
      static_cast<double>(entries) + static_cast<double>(fixed_.count) / options_.alpha;
  return options_.regularization * std::pow(size, options_.exponent);
}

void AlsSolver::solve(const AlsRow& row, float* x, AlsScratch& scratch) const {
  if (row.index.empty()) {
    std::fill_n(x, fixed_.dim, 0.0F);
    return;
  }
  const System system{row, nullptr, static_cast<float>(regularization(row.index.size()))};
  if (options_.method == AlsMethod::kCholesky && cholesky(system, x, scratch)) return;
  conjugate_gradient(system, x, scratch);
}

void AlsSolver::solve_for(const AlsRow& row, const float* rhs, float* x,
                          AlsScratch& scratch) const {
  const std::vector<float> right(rhs, rhs + fixed_.dim);
  const System system{row, right.data(), static_cast<float>(regularization(row.index.size()))};
  if (options_.method == AlsMethod::kCholesky && cholesky(system, x, scratch)) return;
  std::fill_n(x, fixed_.dim, 0.0F);
  conjugate_gradient(system, x, scratch);
}

// Hestenes and Stiefel's method, a few steps from the last vector (Takács, Pilászy, Tikk,
// "Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering",
// RecSys 2011). A is never formed.
void AlsSolver::conjugate_gradient(const System& system, float* x, AlsScratch& scratch) const {
  const size_t dim = fixed_.dim, count = system.row.index.size();
  const RowsView gram{gram_, dim, dim};
  const PickedRows rows{fixed_, system.row.index};
  ensure(scratch.vectors, 3 * dim);
  ensure(scratch.coefficients, 2 * count);
  float *r = scratch.vectors.data(), *p = r + dim, *ap = p + dim;
  float *confidence = scratch.coefficients.data(), *minus_weight = confidence + count;
  for (size_t i = 0; i < count; ++i) {
    confidence[i] = system.rhs == nullptr ? 1.0F + system.row.weight[i] : 0.0F;
    minus_weight[i] = -system.row.weight[i];
  }
  rows_dot(gram, x, ap);
  for (size_t d = 0; d < dim; ++d) {
    r[d] = (system.rhs == nullptr ? 0.0F : system.rhs[d]) - ap[d] - system.lambda * x[d];
  }
  rows_apply(rows, {confidence, minus_weight}, x, r);
  std::copy_n(r, dim, p);
  float square = dot(r, r, dim);
  constexpr float kNothingLeft = 1e-20F;
  const float enough = std::max(kNothingLeft, square * options_.tolerance * options_.tolerance);
  for (int step = 1; square >= enough && step <= options_.steps_max; ++step) {
    const bool last = step == options_.steps_max;  // whose residual nobody needs
    rows_dot(gram, p, ap);
    axpy(system.lambda, p, ap, dim);
    double curvature = 0;
    const float* weight = system.row.weight.data();
    if (last) {
      curvature += rows_quadratic(rows, weight, p);
    } else {
      rows_apply(rows, {nullptr, weight}, p, ap);
    }
    curvature += dot(p, ap, dim);
    const auto length = static_cast<float>(square / curvature);
    axpy(length, p, x, dim);
    if (last) break;
    axpy(-length, ap, r, dim);
    const float next = dot(r, r, dim);
    const float turn = next / square;
    for (size_t d = 0; d < dim; ++d) p[d] = r[d] + turn * p[d];
    square = next;
  }
}

bool AlsSolver::cholesky(const System& system, float* x, AlsScratch& scratch) const {
  const size_t dim = fixed_.dim, count = system.row.index.size();
  ensure(scratch.matrix, dim * dim);
  ensure(scratch.packed, std::min(count, kPackedRowsMax) * dim);
  ensure(scratch.vectors, dim);
  ensure(scratch.coefficients, 2 * count);
  float *a = scratch.matrix.data(), *b = scratch.vectors.data();
  float *confidence = scratch.coefficients.data(), *root = confidence + count;
  std::copy_n(gram_, dim * dim, a);
  for (size_t d = 0; d < dim; ++d) {
    a[d * dim + d] = d < options_.factors ? a[d * dim + d] + system.lambda : 1.0F;
  }
  if (system.rhs == nullptr) {
    std::fill_n(b, dim, 0.0F);
  } else {
    std::copy_n(system.rhs, dim, b);
  }
  for (size_t i = 0; i < count; ++i) {
    confidence[i] = 1.0F + system.row.weight[i];
    root[i] = std::sqrt(system.row.weight[i]);
  }
  for (size_t begin = 0; begin < count; begin += kPackedRowsMax) {
    const size_t step = std::min(kPackedRowsMax, count - begin);
    const PickedRows rows{fixed_, system.row.index.subspan(begin, step)};
    const float* offset = system.rhs == nullptr ? confidence + begin : nullptr;
    pack_rows(rows, {offset, root + begin}, scratch.packed.data(), b);
    add_outer({scratch.packed.data(), step, dim}, a);
  }
  if (!cholesky_solve(a, b, dim)) return false;
  std::copy_n(b, dim, x);
  return true;
}

double AlsSolver::loss(const AlsRow& row, const float* x, AlsScratch& scratch) const {
  const size_t dim = fixed_.dim;
  ensure(scratch.vectors, dim);
  ensure(scratch.coefficients, row.index.size());
  rows_dot(RowsView{gram_, dim, dim}, x, scratch.vectors.data());
  double sum = dot(x, scratch.vectors.data(), dim);
  float* score = scratch.coefficients.data();
  rows_dot(PickedRows{fixed_, row.index}, x, score);
  for (size_t i = 0; i < row.index.size(); ++i) {
    // c (1 - z)² - z², the z² being in the Gram term already.
    const double w = row.weight[i], z = score[i];
    sum += (1 + w) * (1 - 2 * z) + w * z * z;
  }
  return sum;
}

}  // namespace palate
