// Trains content: terms of items, their weights, and each item's nearest by cosine.
#pragma once

#include <cstdint>

#include "artefact/artefact.h"
#include "base/result.h"
#include "models/train_catalog.h"
#include "models/train_cooccurrence.h"

namespace palate {

// Terms by items, each item's column of length 1 or empty: its terms by kind, weighted.
// Terms that one item has, or too many, are left out. Items without a record have none.
SparseMatrix item_terms(const Catalogue& catalogue, size_t items, const ContentConfig& config);

// Rows by item of the past: cosines of the columns, the nearest of each item kept, to the power of
// contrast. Not on the number of threads depending. Errors: kCancelled.
Result<SparseMatrix> content_fit(SparseMatrix terms, const ContentConfig& config,
                                 const Workers& workers);

// Fills in tensors and metrics. Errors: kInvalidArgument where nothing is known of any item, or
// embeddings differ in length; kCancelled.
Status train_content(const TrainJob& job, ArtefactWriter& out);
uint64_t content_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
