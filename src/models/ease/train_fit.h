// The solvers of ease as pure functions of a matrix: what train_ease(), the tests and the
// benchmarks run. Both are deterministic on any number of threads.
//
// With X the users by items, entries weighted by weigh_entries(), d_i the interactions of item i,
// S = diag(d^-item_power) and T = diag(d^target_power), the weights are S B T, where B minimizes
//   |X S - X S B|² + lambda |B|²  with a zero diagonal  (Steck 2019, equation 8: B_ij = -P_ij/P_jj,
//   P = (S Xᵀ X S + lambda I)⁻¹)
// over all B (exact), or over those where column j has entries at j's neighbours only (as Steck,
// "Markov Random Fields for Collaborative Filtering", NeurIPS 2019, section 3.2, solves blocks).
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "math/table.h"
#include "models/ease/ease.h"
#include "models/train_cooccurrence.h"

namespace palate {

struct EaseFitOptions {
  EaseConfig config;
  ThreadPool* pool = nullptr;
  std::stop_token stop = {};
  [[nodiscard]] Workers workers() const { return {pool, stop}; }
};

// Rows by item of the past, padded(items) floats each; zeros beyond the items and on the diagonal.
// `matrix`: users by items, positive values. Errors: kInvalidArgument (an empty matrix),
// kCancelled.
Result<FloatTable> ease_fit_exact(SparseMatrix matrix, const EaseFitOptions& options);
// Rows by item of the past, at most config.neighbours weights an item predicted.
Result<SparseMatrix> ease_fit_neighbours(SparseMatrix matrix, const EaseFitOptions& options);

// a ← -a⁻¹ for a symmetric positive definite a of size × size in rows of `stride` floats, a
// multiple of 16; reads the upper triangle and writes it. By sweeping blocks of pivots (Goodnight,
// "A Tutorial on the SWEEP Operator", The American Statistician 33, 1979). False where a pivot is
// not positive definite.
Result<bool> invert_by_sweeps(float* a, size_t size, size_t stride, const Workers& workers);

}  // namespace palate
