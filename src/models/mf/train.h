// Training of "mf": from a dataset to an artefact.
#pragma once

#include "models/train_catalog.h"

namespace palate {

// Errors: kInvalidArgument without ratings, and those of mf_fit().
Status train_mf(const TrainJob& job, ArtefactWriter& out);
uint64_t mf_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
