// Logistic regression on a few columns, without regularization to speak of.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace palate {

struct Logistic {
  std::vector<double> weights;  // a column each
  double shift = 0;
  // weights · x + shift of a row of weights.size() numbers.
  [[nodiscard]] double value(std::span<const double> row) const;
};

// Minimizes the mean of log(1 + exp(z)) - y z, z = weights · x + shift, by Newton's method with
// halved steps (Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2009,
// section 4.4.1), from 0 until a step gains less than 1e-12. `rows` is [happened.size(), columns],
// row-major, finite; columns > 0. A ridge of 1e-9 keeps columns that say the same apart. All zero
// where all or none happened.
Logistic fit_logistic(std::span<const double> rows, std::span<const uint8_t> happened,
                      size_t columns);

}  // namespace palate
