// Isotonic calibration (Zadrozny and Elkan 2002): the probabilities that never fall with what was
// predicted and fit best what happened, by pooling adjacent violators (Ayer et al. 1955).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace palate {

// Points of a line: `at` ascends, `gives` never falls; at most 512 of them.
struct Isotonic {
  std::vector<float> at, gives;
};

// probability: what was predicted, in [0, 1]. Examples are first averaged in bins of as many each,
// with one more of the average that counts in each bin, so nothing is promised for certain. No
// points where there is no example.
Isotonic fit_isotonic(std::span<const double> probability, std::span<const uint8_t> happened);

}  // namespace palate
