// Trains demographic: k-means over what users say of themselves, and what each cluster liked.
#pragma once

#include <cstdint>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "math/table.h"
#include "models/train_catalog.h"

namespace palate {

// Users by their traits (places in a list of `traits`, ascending, not empty).
struct TraitUsers {
  size_t traits = 0;
  std::vector<std::vector<uint32_t>> rows;
};
struct TraitClusters {
  std::vector<uint32_t> of;  // the cluster of each row
  FloatTable centres;        // clusters × padded(traits)
};
struct TraitClusterOptions {
  size_t clusters = 1;
  size_t users_min = 1;  // the rows of smaller clusters go to the nearest of the others
  uint64_t seed = 1;
};
// Lloyd's k-means on the zeros and ones, from k-means++ seeds (Arthur and Vassilvitskii, SODA
// 2007). Fewer clusters than asked for where fewer rows differ. The same result for one seed.
TraitClusters cluster_traits(const TraitUsers& users, const TraitClusterOptions& options);

// Fills in tensors and metrics. Errors: kInvalidArgument where no user with a positive interaction
// says what `users_min` others say, kCancelled.
Status train_demographic(const TrainJob& job, ArtefactWriter& out);
uint64_t demographic_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
