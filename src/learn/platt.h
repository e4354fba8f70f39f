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

// `label`: 1 what happened, 0 what did not, and corrected clicks of any size, which are taken as
// they are; `weight` of each, empty: 1. Slope 1, shift 0 where the mean label is not between 0 and
// 1 (all or none happened), or nothing fits best. A slope is never negative: calibration does not
// turn an order round.
Platt fit_platt(std::span<const double> value, std::span<const float> label,
                std::span<const float> weight = {});

// The slope alone, with a shift of 0 and what happened as it is: temperature scaling (Guo et al.
// 2017, section 4.2), whose temperature is 1 / slope. 1 where all or none happened.
double fit_temperature(std::span<const double> value, std::span<const uint8_t> happened);

}  // namespace palate
