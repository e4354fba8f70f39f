// The plain twin of Trees: what a LightGBM model means, straight from its text, in double, a node
// after the other. Slow; for tests.
#pragma once

#include <span>

#include "infer/trees_text.h"

namespace palate::plain {

// The leaf that a row of features.size() numbers ends in. As LightGBM has it: numbers within 1e-35
// of 0 are 0; a category is a number without its fraction, and what is no category that the split
// knows (NaN, below 0, past its bits) goes right.
size_t leaf_of(const TreeText& tree, std::span<const float> row);

// The sum (or mean) of its leaves in the order of the trees, and what the link makes of it.
double sum_trees(const TreesText& trees, std::span<const float> row);
double score_trees(const TreesText& trees, std::span<const float> row);

}  // namespace palate::plain
