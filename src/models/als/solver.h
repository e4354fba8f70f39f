// One least-squares problem of ALS: the vector of one user (or item) given all vectors of the other
// side. Training runs it for every row, serving for the user who asks; it is the same code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/rows.h"

namespace palate {

// What one user did: columns (ascending, distinct) and their weights alpha * value > 0. The
// confidence of an entry is 1 + weight (Hu et al. 2008, section 4).
struct AlsRow {
  std::span<const uint32_t> index;
  std::span<const float> weight;
};

enum class AlsMethod : uint8_t { kConjugateGradient, kCholesky };

struct AlsSolverOptions {
  AlsMethod method = AlsMethod::kConjugateGradient;
  int steps_max = 3;    // of conjugate gradients
  float tolerance = 0;  // … which also stop at this residual, relative to the first one
  size_t factors = 0;   // used dimensions; those from here to fixed.dim are padding
  double regularization = 0.01;
  // lambda_u = regularization * (entries of the row + columns / alpha)^exponent (Rendle et al.,
  // "Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022, section
  // 3.3); exponent 0 is the same for all.
  double exponent = 0;
  double alpha = 1;
};

// Buffers of one thread; grow to what is needed and stay.
struct AlsScratch {
  std::vector<float> packed, coefficients, vectors, matrix;
};

// Minimizes over x
//   sum over entries of c_i (1 - x·y_i)² + sum over the other columns of (x·y_i)² + lambda_u |x|²
// which is (G + sum w_i y_i y_iᵀ + lambda_u I) x = sum c_i y_i with G = Yᵀ Y, w = c - 1.
// Thread-safe: one scratch a thread. `fixed` and `gram` must outlive it.
class AlsSolver {
 public:
  // `gram` is the full fixed.dim × fixed.dim matrix Yᵀ Y, without regularization.
  AlsSolver(const RowsView& fixed, const float* gram, const AlsSolverOptions& options)
      : fixed_(fixed), gram_(gram), options_(options) {}

  // `x` (fixed.dim floats): where conjugate gradients start, then the answer. An empty row gives
  // zeros.
  void solve(const AlsRow& row, float* x, AlsScratch& scratch) const;
  // Solves the same system for another right-hand side: x = (G + …)⁻¹ rhs. `x` may be `rhs`.
  void solve_for(const AlsRow& row, const float* rhs, float* x, AlsScratch& scratch) const;
  // The row's part of the loss at x (without regularization): what solve() minimizes.
  [[nodiscard]] double loss(const AlsRow& row, const float* x, AlsScratch& scratch) const;
  [[nodiscard]] double regularization(size_t entries) const;

 private:
  struct System;
  void conjugate_gradient(const System& system, float* x, AlsScratch& scratch) const;
  [[nodiscard]] bool cholesky(const System& system, float* x, AlsScratch& scratch) const;

  RowsView fixed_;
  const float* gram_;
  AlsSolverOptions options_;
};

}  // namespace palate
