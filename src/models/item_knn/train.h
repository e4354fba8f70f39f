// Trains item_knn: finds each item's neighbours.
#pragma once

#include <cstdint>
#include <stop_token>

#include "artefact/artefact.h"
#include "base/result.h"
#include "dataset/dataset.h"
#include "models/train_catalog.h"
#include "models/train_cooccurrence.h"

namespace palate {

// Rows by item of the past. `matrix`: users by items, positive values. The result does not depend
// on the number of threads. Errors: kInvalidArgument (an empty matrix), kCancelled.
Result<SparseMatrix> item_knn_fit(SparseMatrix matrix, const ItemKnnConfig& config,
                                  const Workers& workers);

// Fills in tensors and metrics. Errors: as item_knn_fit().
Status train_item_knn(const TrainJob& job, ArtefactWriter& out);
uint64_t item_knn_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
