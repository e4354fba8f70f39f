// Gradient-boosted trees by LightGBM (Ke et al., NeurIPS 2017): log loss, or LambdaMART (Burges,
// "From RankNet to LambdaRank to LambdaMART", MSR-TR-2010-82).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dataset/examples.h"
#include "infer/trees_model.h"
#include "models/gbdt/train_config.h"
#include "models/gbdt/train_lightgbm.h"

namespace palate {

struct TreesData {
  std::span<const Examples> training;  // of one schema with `held_out`
  const Examples& held_out;
};

struct TreesRound {
  int round = 0;
  double held_out = 0;  // log loss, or NDCG
};

struct TrainedTrees {
  TreesModel model;  // its trees read from `text`
  std::string text;
  int best_round = 0;  // trees that are kept, less 1
  double held_out = 0;
};

// Trains on all of the training examples until `held_out` has not become better for some rounds;
// keeps the best round. Rows whose label nobody knows are left out. The whole table lies in memory,
// 4 bytes a feature and row. One seed gives one text on one machine. Errors: kInvalidArgument for
// labels, groups or settings that do not fit, with what is wrong.
Result<TrainedTrees> train_trees(const LightGbm& library, const TreesConfig& config,
                                 const TreesData& data,
                                 const std::function<void(const TreesRound&)>& listener);

}  // namespace palate
