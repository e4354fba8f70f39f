// How trees are trained: [trees].
#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"

namespace palate {

struct TreesConfig {
  bool beside_network = false;
  std::string objective = "binary";
  std::string label;  // empty: the only one
  std::string group;
  int rounds = 2000;
  int patience = 50;
  int leaves = 31;
  double learning_rate = 0.05;
  int leaf_examples = 20;
  double l2 = 0;
  double feature_share = 1;
  double example_share = 1;
  int bins = 255;
  int category_limit = 32;
  double category_smooth = 10;
  double category_l2 = 10;
  int ndcg_at = 10;
  int threads = 0;
  int64_t seed = 1;
  std::string library;

  static void fields(FieldVisitor<TreesConfig>& field);
  // As LightGBM takes them ("num_leaves=31 …"), for datasets and for training.
  [[nodiscard]] std::string parameters() const;
};

}  // namespace palate
