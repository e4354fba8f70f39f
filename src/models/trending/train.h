// Trains trending: one pass over the interactions, in their order.
#pragma once

#include "artefact/artefact.h"
#include "base/result.h"
#include "models/train_catalog.h"

namespace palate {

// Fills in tensors and metrics. Errors: kInvalidArgument without interactions, or with a usual
// half-life that is not longer than the recent one; kCancelled.
Status train_trending(const TrainJob& job, ArtefactWriter& out);
uint64_t trending_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
