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

// log(p / (1 - p)), of probabilities held 1e-7 away from 0 and 1.
double log_odds(double probability);

// What a regression is fitted to, a number a row each.
struct LogisticTargets {
  std::span<const float> values;        // 0 and 1, or what was corrected to lie around them; finite
  std::span<const float> weights = {};  // none below 0; empty: 1 each
};

// Minimizes the weighted mean of log(1 + exp(z)) - y z, z = weights · x + shift, by Newton's method
// with halved steps (Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2009,
// section 4.4.1), from 0 until a step gains less than 1e-12. `rows` is [values.size(), columns],
// row-major, finite; columns > 0. A ridge of 1e-9 keeps columns that say the same apart. All zero
// where the mean of y is not between 0 and 1.
Logistic fit_logistic(std::span<const double> rows, const LogisticTargets& targets, size_t columns);

}  // namespace palate
