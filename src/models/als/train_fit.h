// The training of implicit ALS as a pure function of a matrix: what train_als(), the tests and the
// benchmarks run.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"
#include "math/rows.h"
#include "models/als/als.h"

namespace palate {

struct AlsFactors {
  size_t factors = 0;
  size_t dim = 0;            // padded(factors): the row length below, filled up with zeros
  std::vector<float> users;  // rows × dim
  std::vector<float> items;  // cols × dim
  // After each epoch, divided by the sum of all confidences as `implicit` does:
  // (sum c (1 - x·y)² + sum over the rest (x·y)² + regularization) / (sum c + number of the rest).
  std::vector<double> loss;
};

struct AlsFitOptions {
  AlsConfig config;
  uint64_t seed = 1;
  ThreadPool* pool = nullptr;
  std::stop_token stop = {};
  bool track_loss = true;  // costs about a tenth of an epoch
  // Starting points (rows × factors and cols × factors); empty: small random numbers by the seed.
  std::span<const float> users = {};
  std::span<const float> items = {};
  std::function<void(int epoch)> before_epoch = {}, after_epoch = {};
};

// `matrix`: users by items, positive values. The result does not depend on the number of threads.
// Errors: kInvalidArgument (an empty matrix, an unknown solver), kCancelled.
Result<AlsFactors> als_fit(const SparseMatrix& matrix, const AlsFitOptions& options);

// G = Yᵀ Y, full, dim × dim. Summed over fixed blocks, in order.
Result<std::vector<float>> gram_matrix(const RowsView& rows, ThreadPool& pool,
                                       std::stop_token stop = {});

}  // namespace palate
