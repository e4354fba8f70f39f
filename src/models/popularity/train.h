// Trains popularity: one pass over the interactions, in their order, so that a result has the same
// bits on any number of threads.
#pragma once

#include "artefact/artefact.h"
#include "base/result.h"
#include "models/train_catalog.h"

namespace palate {

// Fills in tensors, metrics and details.decay (whether ages counted, and why not). Errors:
// kInvalidArgument without interactions, kCancelled.
Status train_popularity(const TrainJob& job, ArtefactWriter& out);
uint64_t popularity_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
