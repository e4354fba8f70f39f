// What the trainers of weights between items share: how they are written, and how much memory they
// take.
#pragma once

#include <cstdint>

#include "artefact/artefact.h"
#include "dataset/dataset.h"
#include "models/train_catalog.h"

namespace palate {

// `item_count`, and the number of interactions among the metrics.
void add_item_counts(const SparseMatrix& matrix, ArtefactWriter& out);
// `start`, `index`, `value`: `weights` has a row an item of the past.
void add_item_weights(SparseMatrix weights, ArtefactWriter& out);

// Of the matrix, by user and by item.
uint64_t matrix_memory_bytes(const TrainSizes& sizes);
// Of half of the pairs of items that have a user in common, while they are put together.
uint64_t cooccurrence_memory_bytes(const TrainSizes& sizes);
// Of weights, by item predicted and by item of the past, and as they are written.
uint64_t weights_memory_bytes(uint64_t weights);

}  // namespace palate
