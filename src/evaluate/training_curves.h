// How training went: the curves that a model's manifest keeps, one number an epoch, drawn.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace palate {

struct TrainingCurve {
  std::string name;  // "loss", "validated validation rmse"
  std::vector<double> by_epoch;
};

// Every list of numbers in a manifest's metrics (JSON) whose name ends in _by_epoch, in the order
// of their names, those of parts after the name of the part.
std::vector<TrainingCurve> training_curves(std::string_view metrics_json);
// `model` is its name, for the heading and the error. One page with a plot a curve, that loads
// nothing else. Errors: kUnavailable for a model whose training has no epochs.
Result<std::string> draw_training(std::string_view model, std::string_view metrics_json);
// The plots alone, below each other, as one SVG file. Errors: as draw_training().
Result<std::string> draw_training_svg(std::string_view model, std::string_view metrics_json);

}  // namespace palate
