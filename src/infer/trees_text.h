// LightGBM's text model (Booster.save_model), read from text that nobody vouches for. What it
// means: plain_trees.h. One number a row; versions v3 and v4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace palate {

inline constexpr size_t kTreesMax = 100'000;
inline constexpr size_t kTreeLeavesMax = 4096;
inline constexpr size_t kTreeFeaturesMax = 65'536;

// What a numerical split takes for missing, and sends where `default_left` says. NaN is 0 where it
// is not missing.
enum class MissingType : uint8_t { kNone, kZero, kNan };

// What the sum of the leaves becomes: itself, sign(x) x², exp(x), 1 / (1 + exp(-sigmoid x)),
// log(1 + exp(x)).
enum class TreesLink : uint8_t { kIdentity, kSignedSquare, kExp, kSigmoid, kSoftplus };

struct SplitNode {
  uint32_t feature = 0;
  bool categorical = false;
  bool default_left = false;
  MissingType missing = MissingType::kNone;
  double threshold = 0;                // numerical: left where x <= threshold; never NaN
  uint32_t first_word = 0, words = 0;  // categorical: left where the bit of x is set
  int32_t left = 0, right = 0;         // a node behind this one, or leaf ~left
};

struct TreeText {
  std::vector<SplitNode> nodes;      // from the root; none: the one leaf
  std::vector<uint32_t> categories;  // words of 32 categories
  std::vector<double> leaves;        // nodes + 1, finite
};

struct TreesText {
  std::string objective;              // empty: one of the trainer's own
  std::vector<std::string> features;  // names, by place in a row
  std::vector<TreeText> trees;
  TreesLink link = TreesLink::kIdentity;
  double sigmoid = 1;
  bool average = false;  // random forests: the mean of the trees, not their sum
};

// Children form a tree, features and categories exist, numbers are numbers. Errors: kCorrupt with
// the line; kUnsupportedVersion for other versions; kInvalidArgument for what is not scored here
// (several classes, linear leaves, unknown objectives, more than the limits above).
Result<TreesText> parse_trees(std::string_view text);

}  // namespace palate
