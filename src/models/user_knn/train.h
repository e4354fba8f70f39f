// Trains user_knn: writes down who liked what, without names.
#pragma once

#include <cstdint>

#include "artefact/artefact.h"
#include "base/result.h"
#include "models/train_catalog.h"

namespace palate {

// Fills in tensors and metrics. Errors: kInvalidArgument without positive interactions, kCancelled.
Status train_user_knn(const TrainJob& job, ArtefactWriter& out);
uint64_t user_knn_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
