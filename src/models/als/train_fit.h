// The training of implicit ALS as a pure function of a matrix: what train_als(), the tests and the
// benchmarks run.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "math/rows.h"
#include "math/table.h"
#include "models/als/als.h"

namespace palate {

struct AlsFactors {
  size_t factors = 0;
  size_t dim = 0;    // padded(factors): the row length below, filled up with zeros
  FloatTable users;  // rows × dim
  FloatTable items;  // cols × dim
  // The diagonal of itemsᵀ items (dim), which has nothing beside it: what serving solves with.
  std::vector<float> spectrum;
  // After each epoch, divided by the sum of all confidences as `implicit` does:
  // (sum c (1 - x·y)² + sum over the rest (x·y)² + regularization) / (sum c + number of the rest).
  std::vector<double> loss;
  int resumed_at = 0;  // epochs of the checkpoint that it went on from; 0: none
};

struct AlsFitOptions {
  AlsConfig config;
  uint64_t seed = 1;
  ThreadPool* pool = nullptr;
  std::stop_token stop = {};
  // Starting points (rows × factors and cols × factors); empty: small random numbers by the seed.
  std::span<const float> users = {};
  std::span<const float> items = {};
  std::function<void(int epoch)> before_epoch = {}, after_epoch = {};
};

// `matrix`: users by items, positive values. The result does not depend on the number of threads.
// Errors: kInvalidArgument (an empty matrix, an unknown solver), kCancelled.
Result<AlsFactors> als_fit(const SparseMatrix& matrix, const AlsFitOptions& options);

// A table that is written in place.
struct Rows {
  float* data;
  size_t count, dim;
  [[nodiscard]] RowsView view() const { return {data, count, dim}; }
};
// Rotates the rows of both tables so that fixedᵀ fixed is diagonal, and returns the diagonal
// (fixed.dim). Inner products of a row of one and a row of the other stay what they were, and so do
// lengths. `factors` dimensions are used, the others are zeros and stay so.
Result<std::vector<float>> als_diagonalize(const Rows& fixed, const Rows& other, size_t factors,
                                           const AlsFitOptions& options);

}  // namespace palate
