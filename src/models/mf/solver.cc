#include "models/mf/solver.h"

#include <cmath>

#include "base/check.h"

namespace palate {
namespace {

// matrix += weight * o oᵀ (lower triangle), rhs += weight * value * o.
void add_rating(const double* o, double weight, double value, MfScratch& scratch) {
  const size_t dim = scratch.rhs.size();
  double* at = scratch.matrix.data();
  for (size_t a = 0; a < dim; ++a, at += dim) {
    const double scaled = weight * o[a];
    scratch.rhs[a] += scaled * value;
    for (size_t b = 0; b <= a; ++b) at[b] += scaled * o[b];
  }
}

void begin_with_prior(const MfPrior& prior, MfScratch& scratch) {
  const size_t dim = scratch.rhs.size();
  for (size_t a = 0; a < dim; ++a) {
    double sum = 0;
    for (size_t b = 0; b < dim; ++b) {
      const double p = prior.scale * prior.precision[a * dim + b];
      scratch.matrix[a * dim + b] = p;
      sum += p * prior.mean[b];
    }
    scratch.rhs[a] = sum;
  }
}

}  // namespace

void mf_solve(const MfProblem& problem, std::span<double> x, MfScratch& scratch) {
  const auto& [row, other, prior] = problem;
  const size_t dim = other.dim;
  scratch.matrix.resize(dim * dim);
  scratch.rhs.resize(dim);
  scratch.other.resize(dim);
  begin_with_prior(prior, scratch);
  for (size_t i = 0; i < row.index.size(); ++i) {
    const float* from = other.row(row.index[i]);
    scratch.other[0] = 1;
    for (size_t d = 1; d < dim; ++d) scratch.other[d] = from[d];
    add_rating(scratch.other.data(), prior.noise_precision, double{row.value[i]} - from[0],
               scratch);
  }
  const bool definite = cholesky(scratch.matrix.data(), dim);
  PALATE_CHECK(definite, "a prior's precision is positive definite");
  solve_lower(scratch.matrix.data(), scratch.rhs.data(), dim);
  for (size_t d = 0; d < dim; ++d) x[d] += scratch.rhs[d];
  solve_lower_transposed(scratch.matrix.data(), x.data(), dim);
}

bool cholesky(double* a, size_t dim) {
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = a[i * dim + j];
      for (size_t k = 0; k < j; ++k) sum -= a[i * dim + k] * a[j * dim + k];
      if (i != j) {
        a[i * dim + j] = sum / a[j * dim + j];
      } else if (sum > 0) {
        a[i * dim + i] = std::sqrt(sum);
      } else {
        return false;
      }
    }
  }
  return true;
}

void solve_lower(const double* l, double* x, size_t dim) {
  for (size_t i = 0; i < dim; ++i) {
    for (size_t k = 0; k < i; ++k) x[i] -= l[i * dim + k] * x[k];
    x[i] /= l[i * dim + i];
  }
}

void solve_lower_transposed(const double* l, double* x, size_t dim) {
  for (size_t i = dim; i-- > 0;) {
    x[i] /= l[i * dim + i];
    for (size_t k = 0; k < i; ++k) x[k] -= l[i * dim + k] * x[i];
  }
}

std::vector<double> inverse_of_factored(const double* l, size_t dim) {
  std::vector<double> inverse(dim * dim, 0.0), column(dim);
  for (size_t c = 0; c < dim; ++c) {
    column.assign(dim, 0.0);
    column[c] = 1;
    solve_lower(l, column.data(), dim);
    solve_lower_transposed(l, column.data(), dim);
    for (size_t r = 0; r < dim; ++r) inverse[r * dim + c] = column[r];
  }
  return inverse;
}

}  // namespace palate
