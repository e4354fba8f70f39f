// How much each of several things counts that came one after the other.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace palate {

// Of `count`, the newest last: in proportion to 2^(−age / half_life), an age being how many came
// after; all alike with a half-life of 0. They sum up to 1.
inline std::vector<float> recency_weights(size_t count, double half_life) {
  std::vector<double> weights(count, 1.0);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto age = static_cast<double>(count - 1 - i);
    if (half_life > 0) weights[i] = std::exp2(-age / half_life);
    sum += weights[i];
  }
  std::vector<float> out(count);
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<float>(weights[i] / sum);
  return out;
}

}  // namespace palate
