// One least-squares problem of ALS: the vector of one user (or item) given all vectors of the other
// side. Training runs it for every row, serving for the user who asks; it is the same code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "math/rows.h"
#include "math/table.h"

namespace palate {

// What one user did: columns (ascending, distinct) and their values > 0. The confidence of an entry
// is 1 + alpha * value (Hu et al. 2008, section 4).
struct AlsRow {
  std::span<const uint32_t> index;
  std::span<const float> value;
  size_t upcoming = 0;  // columns that lie behind `index`: of the rows that come next
};

enum class AlsMethod : uint8_t { kConjugateGradient, kBlocks, kCholesky };

struct AlsSolverOptions {
  AlsMethod method = AlsMethod::kConjugateGradient;
  int steps_max = 2;    // of conjugate gradients
  size_t block = 64;    // dimensions that kBlocks solves at a time
  float tolerance = 0;  // … which also stop at this residual, relative to the first one
  // Larger systems than this are left to conjugate gradients by kCholesky, too.
  size_t system_max = std::numeric_limits<size_t>::max();
  size_t factors = 0;  // used dimensions; those from here to fixed.dim are padding
  double regularization = 0.01;
  double exponent = 0;
  double alpha = 1;
  // lambda_u = regularization * (entries of the row + columns / alpha)^exponent (Rendle et al.,
  // "Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022, section
  // 3.3); exponent 0 is the same for all.
  [[nodiscard]] double lambda(size_t entries, size_t columns) const;
};

// Buffers of one thread; grow to what is needed and stay.
struct AlsScratch {
  FloatTable packed, coefficients, vectors, matrix;
};

// Minimizes over x
//   sum over entries of c_i (1 - x·y_i)² + sum over the other columns of (x·y_i)² + lambda_u |x|²
// which is (Yᵀ Y + lambda_u I + sum w_i y_i y_iᵀ) x = sum c_i y_i with w = c - 1. The columns of Y
// must be orthogonal: Yᵀ Y is then the diagonal `spectrum`, which is what makes lambda_u cheap to
// vary, conjugate gradients quick to converge, and short rows small systems. Any Y is made so by a
// rotation that changes no inner product of a user and an item (als_diagonalize() in train_fit.h).
// Thread-safe: one scratch a thread. `fixed` and `spectrum` (fixed.dim) must outlive it.
class AlsSolver {
 public:
  AlsSolver(const RowsView& fixed, const float* spectrum, const AlsSolverOptions& options);

  // `x` (fixed.dim floats): where conjugate gradients start, then the answer. An empty row gives
  // zeros. Returns the minimized sum at x.
  double solve(const AlsRow& row, float* x, AlsScratch& scratch) const;
  // Solves the same system for another right-hand side: x = (Yᵀ Y + …)⁻¹ rhs, to the tolerance by
  // conjugate gradients or exactly. `x` is not `rhs`.
  void solve_for(const AlsRow& row, const float* rhs, float* x, AlsScratch& scratch) const;

 private:
  struct System;
  void diagonal_of(const AlsRow& row, float* diagonal) const;
  bool by_blocks(const AlsRow& row, float* x, double& loss, AlsScratch& scratch) const;
  double conjugate_gradient(const System& system, float* x, AlsScratch& scratch) const;
  [[nodiscard]] bool primal(const System& system, float* x, double& loss,
                            AlsScratch& scratch) const;
  [[nodiscard]] bool dual(const System& system, float* x, double& loss, AlsScratch& scratch) const;

  RowsView fixed_;
  const float* spectrum_;
  float smallest_ = 0;  // a diagonal entry below this is noise of the largest ones
  AlsSolverOptions options_;
};

}  // namespace palate
