// The two networks as they are written down: one for training each, and both as one that is served.
#pragma once

#include <cstdint>

#include "infer/trainable.h"
#include "models/two_tower/two_tower.h"

namespace palate {

// How large the tables are, and the given vectors (0: there are none).
struct TowerShapes {
  uint32_t items = 1, profiles = 1;
  uint32_t vector = 0;
};

// Fields of the networks.
inline constexpr std::string_view kItemField = "item", kTermsField = "terms",
                                  kSubwordsField = "subwords", kVectorField = "vector",
                                  kHistoryField = "history", kProfileField = "profile";
inline constexpr size_t kItemFieldAt = 0, kTermsFieldAt = 1, kSubwordsFieldAt = 2;

// id + mean of terms + mean of subwords + W vector, and W' relu(W'' of it) with item_hidden: output
// "item", config.width wide. Its fields are the candidate's: item (row 0: an item without a row of
// its own), terms, subwords, and vector where shapes.vector > 0.
TrainableNetwork item_tower(const TwoTowerConfig& config, const TowerShapes& shapes);
// p + W' relu(W [p; profile]) of p, the mean of the vectors of the history's items (zeros: none):
// output "user", config.width wide. Its fields are the request's: history, profile.
TrainableNetwork user_tower(const TwoTowerConfig& config, const TowerShapes& shapes);
// Both as one network, whose outputs are "user" and "item" and whose first fields are the user's.
NetworkSpec both_towers(const NetworkSpec& user, const NetworkSpec& item);

}  // namespace palate
