// Platt's calibration: the slope and shift with which sigmoid(slope · value + shift) fits best what
// happened (Platt 1999; Newton's method and targets as Lin, Lin and Weng 2007).
#pragma once

#include <cstdint>
#include <span>

namespace palate {

struct Platt {
  double slope = 1;
  double shift = 0;
};

// Slope 1, shift 0 where all or none happened. A slope is never negative: calibration does not turn
// an order round.
Platt fit_platt(std::span<const double> value, std::span<const uint8_t> happened);

}  // namespace palate
