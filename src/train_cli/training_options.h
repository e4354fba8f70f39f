// [training] as options of room learn.
#pragma once

#include "learn/fit.h"
#include "models/ranker/fit_config.h"

namespace palate {

// Errors: kInvalidArgument for an optimizer that does not exist.
Result<TrainerOptions> trainer_options(const TrainingConfig& config, size_t outputs);
FitOptions fit_options(const TrainingConfig& config);

}  // namespace palate
