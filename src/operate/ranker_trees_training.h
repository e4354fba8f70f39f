// Trees beside a ranker's network: trained on the same examples, and weighed against it on the
// held-out ones.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "dataset/ranking_examples.h"
#include "models/gbdt/train_config.h"
#include "models/ranker/ranker_trees.h"

namespace palate {

struct FittedTrees {
  BlendedTrees blend;
  std::string text;  // LightGBM's
};

struct TreesJob {
  const RankingExamples& examples;
  const TreesConfig& config;
  const Path& network;    // fitted on the same examples
  const Path& directory;  // for what is written on the way
};
// For each of the network's objectives that is a probability, by palate-train; into `metrics`, by
// objective, how good network, trees and both are on the held-out examples. One of which nothing
// (or nothing else) happened there has no trees, and a word in the log. Errors: kCancelled, and
// what palate-train says.
Result<std::vector<FittedTrees>> fit_trees(const TreesJob& job, nlohmann::json& metrics,
                                           const std::stop_token& stop);

}  // namespace palate
