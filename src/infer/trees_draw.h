// For tests: LightGBM texts out of a seed, with every kind of split, and rows to score.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "math/philox.h"

namespace palate {

class TreesDrawer {
 public:
  explicit TreesDrawer(uint64_t seed) : random_(seed), features_(1 + random_.below(6)) {}

  // A model of some trees with up to `leaves_max` leaves each.
  std::string text(uint32_t leaves_max) {
    const size_t trees = 1 + random_.below(5);
    std::vector<std::string> names, sizes(trees, "1");
    for (size_t f = 0; f < features_; ++f) names.push_back(fmt::format("f{}", f));
    std::string out = fmt::format(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx={}\n"
        "objective=binary sigmoid:{}\n{}feature_names={}\ntree_sizes={}\n\n",
        features_ - 1, 1 + random_.below(3), random_.below(4) == 0 ? "average_output\n" : "",
        fmt::join(names, " "), fmt::join(sizes, " "));
    for (size_t i = 0; i < trees; ++i) out += tree(i, 1 + random_.below(leaves_max));
    return out + "end of trees\n";
  }

  std::vector<float> rows(size_t count) {
    std::vector<float> out(count * features_);
    for (float& one : out) one = number();
    return out;
  }
  [[nodiscard]] size_t features() const { return features_; }

 private:
  // Few different ones, so that they meet thresholds.
  float number() {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    constexpr float kOdd[] = {0,         -0.0F,      1e-36F,     -3e-36F, 1e-35F, -0.5F,
                              kInfinity, -kInfinity, 2147483648, 3e38F,   -1,     64.5F};
    const uint32_t kind = random_.below(8);
    if (kind == 0) return std::numeric_limits<float>::quiet_NaN();
    if (kind == 1) return kOdd[random_.below(12)];
    return static_cast<float>(random_.below(80)) / (kind == 2 ? 10.0F : 1.0F) - 5.0F;
  }
  std::string threshold() {
    constexpr const char* kOdd[] = {"1.0000000180025095e-35", "1e+300", "-1e+300", "inf", "-inf",
                                    "0.10000000000000001",    "3.5e38"};
    const uint32_t kind = random_.below(12);
    return kind < 7 && random_.below(2) == 0 ? kOdd[kind] : fmt::format("{:.17g}", number_off());
  }
  double number_off() { return random_.below(80) / 10.0 * (random_.below(2) == 0 ? 1 : 10) - 5; }

  std::string tree(size_t place, uint32_t leaves) {
    std::string out = fmt::format("Tree={}\nnum_leaves={}\n", place, leaves);
    std::vector<std::string> features, thresholds, decisions, words, values;
    std::vector<size_t> bounds{0};
    std::vector<int32_t> left(leaves - 1), right(leaves - 1);
    std::vector<int32_t*> open;  // who points at leaf i
    for (uint32_t i = 0; i + 1 < leaves; ++i) {
      // Leaf `at` becomes node i with itself and a new leaf below, as the library grows trees.
      const uint32_t at = i == 0 ? 0 : random_.below(i + 1);
      if (i > 0) *open[at] = static_cast<int32_t>(i);
      left[i] = ~static_cast<int32_t>(at), right[i] = ~static_cast<int32_t>(i + 1);
      open.resize(i + 2);
      open[at] = &left[i], open[i + 1] = &right[i];
      features.push_back(std::to_string(random_.below(static_cast<uint32_t>(features_))));
      if (random_.below(4) == 0) {
        for (uint32_t word = 0, count = random_.below(4); word < count; ++word) {
          words.push_back(std::to_string(random_.below(~0U)));
        }
        thresholds.push_back(std::to_string(bounds.size() - 1));
        bounds.push_back(words.size());
        decisions.emplace_back("1");
      } else {
        thresholds.push_back(threshold());
        decisions.push_back(std::to_string(2 * random_.below(6)));
      }
    }
    for (uint32_t i = 0; i < leaves; ++i) {
      values.push_back(fmt::format("{:.17g}", random_.below(1000) / 999.0 - 0.5));
    }
    const auto line = [&](const char* key, const auto& list) {
      out += fmt::format("{}={}\n", key, fmt::join(list, " "));
    };
    out += fmt::format("num_cat={}\n", bounds.size() - 1);
    line("split_feature", features), line("threshold", thresholds);
    line("decision_type", decisions), line("left_child", left), line("right_child", right);
    if (bounds.size() > 1) line("cat_boundaries", bounds), line("cat_threshold", words);
    line("leaf_value", values);
    return out + "is_linear=0\nshrinkage=1\n\n\n";
  }

  Philox random_;
  size_t features_;
};

}  // namespace palate
