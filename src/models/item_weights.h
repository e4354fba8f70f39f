// Models that are a matrix of weights between items: a score is the sum over the history of
// weight[item of the past][item]. item_knn and ease are such models and differ in where the weights
// come from. Nothing of it is about a user, so what a user just did is in the answer.
#pragma once

#include <memory>

#include "artefact/artefact.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

// How much an interaction's value (the sum of its preferences) counts in these models: value^power.
// Power 0 makes all interactions alike.
float interaction_strength(float value, double power);

struct ItemWeightsOptions {
  double value_power = 0;   // of interaction_strength()
  bool cold_items = false;  // `item_count` is not of interactions: see ModelInfo
};

// Reads an artefact whose tensors are `item_count` and either `start`, `index`, `value` (rows by
// item of the past) or `weights`, and perhaps `past` and `target`, whose products are added
// (docs/formats/model.md), and keeps it mapped. Errors: kCorrupt (names the tensor that does not
// fit).
Result<std::unique_ptr<Model>> load_item_weights(std::shared_ptr<const Artefact> artefact,
                                                 const ItemWeightsOptions& options);

}  // namespace palate
