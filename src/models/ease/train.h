// Trains ease on a dataset (train_fit.h has the solvers without one).
#pragma once

#include <cstdint>

#include "artefact/artefact.h"
#include "base/result.h"
#include "models/train_catalog.h"

namespace palate {

// Fills in tensors and metrics. Errors: kInvalidArgument without positive interactions or with an
// unknown solver, kCancelled.
Status train_ease(const TrainJob& job, ArtefactWriter& out);
uint64_t ease_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
