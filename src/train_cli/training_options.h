// [training] as options of room learn.
#pragma once

#include <vector>

#include "learn/fit.h"
#include "models/ranker/fit_config.h"

namespace palate {

// A task for each output, by its link. Errors: kInvalidArgument for an optimizer that does not
// exist, and for a weight of no output, or that is no weight.
Result<TrainerOptions> trainer_options(const TrainingConfig& config,
                                       const std::vector<Output>& outputs);
FitOptions fit_options(const TrainingConfig& config);

}  // namespace palate
