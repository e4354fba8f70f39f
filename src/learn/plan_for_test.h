// For tests: a network written down op by op, and how it is fitted.
#pragma once

#include <fmt/format.h>

#include "infer/trainable.h"
#include "learn/fit.h"

namespace palate {

// Adds an op under a name of its own; its index.
inline uint32_t add_op(TrainableNetwork& plan, Op op, OpTraining training = {}) {
  op.name = fmt::format("op{}", plan.spec.ops.size());
  plan.spec.ops.push_back(std::move(op));
  plan.training.push_back(training);
  return static_cast<uint32_t>(plan.spec.ops.size() - 1);
}

inline FitOptions fit_options_for_test(int epochs = 8) {
  FitOptions options;
  options.batches = {.rows = 256, .seed = 3};
  options.epochs = epochs;
  return options;
}

}  // namespace palate
