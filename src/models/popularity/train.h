// Trains popularity: one pass over the interactions, in their order, so that a result has the same
// bits on any number of threads.
#pragma once

#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "models/train_catalog.h"

namespace palate {

struct PopularityCounts {
  std::vector<double> sum;  // of positive preferences, decayed, by item
  std::vector<bool> known;  // has an interaction, also a negative one
};
// Each halved for every `half_life_s` of its age at the newest event; 0: none. Errors: kCancelled.
Result<PopularityCounts> count_popularity(const TrainJob& job, double half_life_s);
// Writes `scores` and the order of the known items by them.
void write_popularity(std::vector<float> scores, const PopularityCounts& counts,
                      ArtefactWriter& out);

// Fills in tensors, metrics and details.decay (whether ages counted, and why not). Errors:
// kInvalidArgument without interactions, kCancelled.
Status train_popularity(const TrainJob& job, ArtefactWriter& out);
uint64_t popularity_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
