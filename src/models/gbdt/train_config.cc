#include "models/gbdt/train_config.h"

#include <fmt/format.h>

namespace palate {

void TreesConfig::fields(FieldVisitor<TreesConfig>& field) {
  const FieldRange share{.min = 0.01, .max = 1}, above{.min = 0, .max = 1e6};
  field(
      "beside_network", &TreesConfig::beside_network, {},
      "`palate train --models ranker` trains trees beside the network, for each objective that is "
      "a probability, and serves what both say. Not with examples.incremental; objective, label "
      "and group have no part in it");
  field("objective", &TreesConfig::objective, {.one_of = {"binary", "lambdarank"}},
        "binary: a probability, by log loss; lambdarank: an order within groups, by NDCG");
  field("label", &TreesConfig::label, {}, "Which label; empty: the only one");
  field("group", &TreesConfig::group, {},
        "The column of ids that names the request or slate: lambdarank orders within it. It is not "
        "read as a feature");
  field("rounds", &TreesConfig::rounds, {.min = 1, .max = 100000}, "Trees, at most");
  field("patience", &TreesConfig::patience, {.min = 1, .max = 100000},
        "Rounds without a better held-out loss or NDCG before training stops");
  field("leaves", &TreesConfig::leaves, {.min = 2, .max = 4096}, "Of a tree, at most");
  field("learning_rate", &TreesConfig::learning_rate, {.min = 1e-9, .max = 10},
        "What each tree's leaves are multiplied by");
  field("leaf_examples", &TreesConfig::leaf_examples, {.min = 1, .max = 1e9},
        "In a leaf, at least");
  field("l2", &TreesConfig::l2, above, "Of leaves");
  field("feature_share", &TreesConfig::feature_share, share, "Of features that a tree may use");
  field("example_share", &TreesConfig::example_share, share,
        "Of examples that a tree learns from, drawn anew for each");
  field("bins", &TreesConfig::bins, {.min = 2, .max = 65535}, "Of a feature's values, at most");
  field("category_limit", &TreesConfig::category_limit, {.min = 1, .max = 1e6},
        "Of ids that a split sends one way, at most");
  field("category_smooth", &TreesConfig::category_smooth, above,
        "Smooths what ids with few examples say");
  field("category_l2", &TreesConfig::category_l2, above, "Of leaves below a split by ids");
  field("ndcg_at", &TreesConfig::ndcg_at, {.min = 1, .max = 10000},
        "Places that lambdarank stops by");
  field("threads", &TreesConfig::threads, {.min = 0, .max = 1024},
        "That compute; 0: all there are");
  field("seed", &TreesConfig::seed, {.min = 0, .max = 2147483647}, "Of shares and bins");
  field("library", &TreesConfig::library, {},
        "lib_lightgbm.so; empty: the one that was there when palate-train was built");
}

std::string TreesConfig::parameters() const {
  const bool orders = objective == "lambdarank";
  return fmt::format(
      "objective={} metric={} eval_at={} num_leaves={} learning_rate={} min_data_in_leaf={} "
      "lambda_l2={} feature_fraction={} bagging_fraction={} bagging_freq={} max_bin={} "
      "max_cat_threshold={} cat_smooth={} cat_l2={} num_threads={} seed={} deterministic=true "
      "force_row_wise=true verbosity=-1",
      objective, orders ? "ndcg" : "binary_logloss", ndcg_at, leaves, learning_rate, leaf_examples,
      l2, feature_share, example_share, example_share < 1 ? 1 : 0, bins, category_limit,
      category_smooth, category_l2, threads, seed);
}

}  // namespace palate
