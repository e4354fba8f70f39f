#include "infer/plain_trees.h"

#include <cmath>

#include "infer/trees.h"

namespace palate::plain {
namespace {

bool is_zero(double x) { return std::fabs(x) <= double{1e-35F}; }

bool goes_left(const TreeText& tree, const SplitNode& node, double x) {
  if (is_zero(x)) x = 0;
  if (node.categorical) {
    if (!(x > -1 && x < 2147483648.0)) return false;
    const auto category = static_cast<uint32_t>(x);
    if (category / 32 >= node.words) return false;
    return (tree.categories[node.first_word + category / 32] >> (category % 32) & 1) != 0;
  }
  if (std::isnan(x) && node.missing != MissingType::kNan) x = 0;
  const bool missing = (node.missing == MissingType::kZero && is_zero(x)) ||
                       (node.missing == MissingType::kNan && std::isnan(x));
  return missing ? node.default_left : x <= node.threshold;
}

}  // namespace

size_t leaf_of(const TreeText& tree, std::span<const float> row) {
  int32_t at = tree.nodes.empty() ? ~0 : 0;
  while (at >= 0) {
    const SplitNode& node = tree.nodes[static_cast<size_t>(at)];
    at = goes_left(tree, node, row[node.feature]) ? node.left : node.right;
  }
  return static_cast<size_t>(~at);
}

double sum_trees(const TreesText& trees, std::span<const float> row) {
  double sum = 0;
  for (const TreeText& tree : trees.trees) sum += tree.leaves[leaf_of(tree, row)];
  return trees.average ? sum / static_cast<double>(trees.trees.size()) : sum;
}

double score_trees(const TreesText& trees, std::span<const float> row) {
  return linked(trees, sum_trees(trees, row));
}

}  // namespace palate::plain
