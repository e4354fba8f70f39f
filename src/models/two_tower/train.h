// Trains two towers: what is known becomes examples, palate-train (LibTorch) makes networks of
// them, and those give every item its vector.
#pragma once

#include <cstdint>

#include "artefact/artefact.h"
#include "base/result.h"
#include "dataset/tower_examples.h"
#include "models/train_catalog.h"

namespace palate {

struct TowerSources {
  TowerExamples examples;
  std::vector<uint64_t> traits;  // of profiles (demographic.h, traits_of), ascending; row 1, 2, …
  std::vector<uint32_t> known;   // by item: its interactions; 1 more where something is said of it
};
// Errors: kInvalidArgument where config.vector is an embedding that items have in different
// lengths, or none has.
Result<TowerSources> tower_sources(const TrainJob& job);

// Fills in tensors, config and metrics. Errors: kUnavailable where palate-train is not there,
// kInvalidArgument where there is nothing to learn from, kCancelled.
Status train_two_tower(const TrainJob& job, ArtefactWriter& out);
uint64_t two_tower_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
