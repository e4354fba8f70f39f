#include "models/als/solver.h"

#include <algorithm>
#include <cmath>

#include "math/dense.h"

namespace palate {
namespace {

// Rows gathered at a time. Rows of fewer entries are gathered once and then stay in the cache for
// all steps; longer ones are gathered again in every step.
constexpr size_t kGatherBytes = size_t{512} << 10;

void ensure(std::vector<float>& buffer, size_t size) {
  if (buffer.size() < size) buffer.resize(size);
}

}  // namespace

// One system with its buffers: A = gram + sum weight row rowᵀ + lambda I, and its right-hand side.
struct AlsSolver::System {
  const AlsRow& row;
  const float* rhs;  // nullptr: sum of (1 + weight) * row
  RowsView fixed;
  AlsScratch& scratch;
  float lambda;
  size_t chunk;                   // rows gathered at a time
  size_t gathered_at = SIZE_MAX;  // what scratch.rows holds

  System(const AlsRow& r, const float* b, const RowsView& f, AlsScratch& s, double l)
      : row(r), rhs(b), fixed(f), scratch(s), lambda(static_cast<float>(l)) {
    chunk = std::max<size_t>(8, kGatherBytes / (fixed.dim * sizeof(float)));
    chunk = std::min(chunk, std::max<size_t>(row.index.size(), 1));
    ensure(scratch.rows, chunk * fixed.dim);
  }

  // Calls body(rows, begin) for all entries, in chunks.
  template <class Body>
  void for_rows(Body body) {
    for (size_t begin = 0; begin < row.index.size(); begin += chunk) {
      const size_t count = std::min(chunk, row.index.size() - begin);
      if (gathered_at != begin) {
        gather_rows(fixed, row.index.subspan(begin, count), scratch.rows.data());
        gathered_at = begin;
      }
      body(RowsView{scratch.rows.data(), count, fixed.dim}, begin);
    }
  }
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
  System system(row, nullptr, fixed_, scratch, regularization(row.index.size()));
  if (options_.method == AlsMethod::kCholesky && cholesky(system, x)) return;
  conjugate_gradient(system, x);
}

void AlsSolver::solve_for(const AlsRow& row, const float* rhs, float* x,
                          AlsScratch& scratch) const {
  const std::vector<float> right(rhs, rhs + fixed_.dim);
  System system(row, right.data(), fixed_, scratch, regularization(row.index.size()));
  if (options_.method == AlsMethod::kCholesky && cholesky(system, x)) return;
  std::fill_n(x, fixed_.dim, 0.0F);
  conjugate_gradient(system, x);
}

// Hestenes and Stiefel's method, a few steps from the last vector (Takács, Pilászy, Tikk,
// "Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering",
// RecSys 2011). A is never formed.
void AlsSolver::conjugate_gradient(System& system, float* x) const {
  const size_t dim = fixed_.dim, count = system.row.index.size();
  const RowsView gram{gram_, dim, dim};
  AlsScratch& scratch = system.scratch;
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
  system.for_rows([&](const RowsView& rows, size_t begin) {
    rows_apply(rows, confidence + begin, minus_weight + begin, x, r);
  });
  std::copy_n(r, dim, p);
  float square = dot(r, r, dim);
  constexpr float kNothingLeft = 1e-20F;
  const float enough = std::max(kNothingLeft, square * options_.tolerance * options_.tolerance);
  for (int step = 1; square >= enough && step <= options_.steps_max; ++step) {
    const bool last = step == options_.steps_max;  // whose residual nobody needs
    rows_dot(gram, p, ap);
    axpy(system.lambda, p, ap, dim);
    double curvature = 0;
    system.for_rows([&](const RowsView& rows, size_t begin) {
      const float* weight = system.row.weight.data() + begin;
      if (last) {
        curvature += rows_quadratic(rows, weight, p);
      } else {
        rows_apply(rows, nullptr, weight, p, ap);
      }
    });
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

bool AlsSolver::cholesky(System& system, float* x) const {
  const size_t dim = fixed_.dim;
  AlsScratch& scratch = system.scratch;
  ensure(scratch.matrix, dim * dim);
  ensure(scratch.scaled, system.chunk * dim);
  ensure(scratch.vectors, dim);
  float *a = scratch.matrix.data(), *b = scratch.vectors.data();
  std::copy_n(gram_, dim * dim, a);
  for (size_t d = 0; d < dim; ++d) {
    a[d * dim + d] = d < options_.factors ? a[d * dim + d] + system.lambda : 1.0F;
  }
  if (system.rhs == nullptr) {
    std::fill_n(b, dim, 0.0F);
  } else {
    std::copy_n(system.rhs, dim, b);
  }
  system.for_rows([&](const RowsView& rows, size_t begin) {
    const float* weight = system.row.weight.data() + begin;
    scale_rows(rows, weight, scratch.scaled.data());
    add_outer({scratch.scaled.data(), rows.count, dim}, rows.data, a);
    if (system.rhs != nullptr) return;
    for (size_t i = 0; i < rows.count; ++i) axpy(1.0F + weight[i], rows.row(i), b, dim);
  });
  if (!cholesky_solve(a, b, dim)) return false;
  std::copy_n(b, dim, x);
  return true;
}

double AlsSolver::loss(const AlsRow& row, const float* x, AlsScratch& scratch) const {
  const size_t dim = fixed_.dim;
  System system(row, nullptr, fixed_, scratch, 0);
  ensure(scratch.vectors, dim);
  ensure(scratch.coefficients, system.chunk);
  rows_dot({gram_, dim, dim}, x, scratch.vectors.data());
  double sum = dot(x, scratch.vectors.data(), dim);
  system.for_rows([&](const RowsView& rows, size_t begin) {
    float* score = scratch.coefficients.data();
    rows_dot(rows, x, score);
    for (size_t i = 0; i < rows.count; ++i) {
      // c (1 - z)² - z², the z² being in the Gram term already.
      const double w = row.weight[begin + i], z = score[i];
      sum += (1 + w) * (1 - 2 * z) + w * z * z;
    }
  });
  return sum;
}

}  // namespace palate
