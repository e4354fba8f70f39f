// One user's (or item's) problem of a factorization with biases, given the other side. Training
// runs it for every row, serving for the user who asks; it is the same code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace palate {

// A table of (bias, factors): row i begins at data + i * stride, its first number is the bias.
struct MfTable {
  const float* data = nullptr;
  size_t stride = 0;
  size_t dim = 0;  // the bias and the factors
  [[nodiscard]] const float* row(size_t i) const { return data + i * stride; }
};

// What somebody rated: rows of the other side, and the ratings less the mean of all.
struct MfRow {
  std::span<const uint32_t> index;
  std::span<const float> value;
};

// A normal prior of the row's (bias, factors), and how exact a rating is.
struct MfPrior {
  const double* precision = nullptr;  // dim × dim, symmetric
  const double* mean = nullptr;       // dim
  double scale = 1;                   // of the precision
  double noise_precision = 1;
};

struct MfProblem {
  MfRow row;
  MfTable other;
  MfPrior prior;
};

// Buffers of one thread; grow to what is needed and stay.
struct MfScratch {
  std::vector<double> matrix, rhs, other;
};

// The posterior of x given the ratings: its precision is
//   A = scale * P + noise_precision * sum o oᵀ with o = (1, factors of the other side)
// and its mean solves A x = scale * P m + noise_precision * sum o (r - b).  On entry `x` (dim)
// holds standard normal numbers, or zeros; on return the mean, plus a draw's distance from it
// (Salakhut- dinov and Mnih, "Bayesian Probabilistic Matrix Factorization using MCMC", ICML 2008,
// section 3.3). With zeros, precision lambda * I and mean 0 it is the ridge regression of als.
void mf_solve(const MfProblem& problem, std::span<double> x, MfScratch& scratch);

// Small dense matrices in double, row-major, dim × dim: all that the solvers need.
// a = L Lᵀ in place, L in the lower triangle. False when a is not positive definite.
[[nodiscard]] bool cholesky(double* a, size_t dim);
void solve_lower(const double* l, double* x, size_t dim);             // L x = b
void solve_lower_transposed(const double* l, double* x, size_t dim);  // Lᵀ x = b
// The inverse of the matrix that `l` is the factor of; dim × dim.
std::vector<double> inverse_of_factored(const double* l, size_t dim);

}  // namespace palate
