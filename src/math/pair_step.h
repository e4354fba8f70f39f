// One step of stochastic gradient descent on a pair of rows (bias, factors), as a factorization of
// ratings takes millions of.
#pragma once

#include <cstddef>

namespace palate {

struct PairStep {
  float value = 0;  // what w[0] + h[0] + sum over d > 0 of w[d] h[d] should be
  float rate = 0;   // of the step
  float w_ridge = 0, h_ridge = 0;
};

// With e = value - prediction: w ← w + rate (e h' - w_ridge w), h ← h + rate (e w' - h_ridge h) of
// the rows as they were, h' and w' being 1 in place 0. Rows of `dim` >= 1 floats, of any alignment,
// that do not overlap. Plain twin: plain::pair_step() below.
void pair_step(float* w, float* h, size_t dim, const PairStep& step);

// What the pair predicts: w[0] + h[0] + sum over d > 0 of w[d] h[d].
float pair_value(const float* w, const float* h, size_t dim);

namespace plain {

inline void pair_step(float* w, float* h, size_t dim, const PairStep& step) {
  double predicted = double{w[0]} + h[0];
  for (size_t d = 1; d < dim; ++d) predicted += double{w[d]} * h[d];
  const double error = step.value - predicted;
  for (size_t d = 0; d < dim; ++d) {
    const double a = w[d], b = h[d];
    w[d] = static_cast<float>(a + step.rate * (error * (d == 0 ? 1.0 : b) - step.w_ridge * a));
    h[d] = static_cast<float>(b + step.rate * (error * (d == 0 ? 1.0 : a) - step.h_ridge * b));
  }
}

}  // namespace plain

}  // namespace palate
