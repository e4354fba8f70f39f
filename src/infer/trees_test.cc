#include "infer/trees.h"

#include <bit>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "infer/plain_trees.h"
#include "infer/trees_draw.h"
#include "math/every_target.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

// Two features: a number, missing where NaN, and a category. Left of 2.5: -1; else 2 where the
// category is 1, 3 or 33, else 3. And a constant.
const std::string kSmall =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n"
    "objective=binary sigmoid:2\nfeature_names=price brand\nfeature_infos=[0:9] 1:3:33\n"
    "tree_sizes=10 10\n\n"
    "Tree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=0 1\nsplit_gain=2 1\nthreshold=2.5 0\n"
    "decision_type=8 1\nleft_child=-1 -2\nright_child=1 -3\ncat_boundaries=0 2\n"
    "cat_threshold=10 2\nleaf_value=-1 2 3\nis_linear=0\nshrinkage=1\n\n\n"
    "Tree=1\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nthreshold=\nleaf_value=0.25\n"
    "is_linear=0\nshrinkage=1\n\n\nend of trees\n\nfeature_importances:\nprice=1\n";

std::vector<double> sums_of(const Trees& trees, const std::vector<float>& rows) {
  std::vector<double> out(rows.size() / trees.features().size());
  TreesScratch scratch;
  EXPECT_TRUE(trees.sum(rows, out, scratch));
  return out;
}

std::string with(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Trees, AModelWrittenByHandScoresByHand) {
  const float nan = std::nanf("");
  const auto trees = Trees::from_text(kSmall);
  ASSERT_TRUE(trees.has_value()) << trees.error().message;
  const std::vector<float> rows{2.5F, 1, 2.6F, 1, 2.6F, 33.9F, 9, 2, 9, 65, nan, 3, 9, nan, 9, -1};
  const std::vector<double> expected{-0.75, 2.25, 2.25, 3.25, 3.25, 2.25, 3.25, 3.25};
  EXPECT_EQ(sums_of(**trees, rows), expected);
  std::vector<double> scores(8);
  TreesScratch scratch;
  ASSERT_TRUE((*trees)->score(rows, scores, scratch));
  EXPECT_DOUBLE_EQ(scores[0], 1 / (1 + std::exp(1.5)));
  EXPECT_THAT((*trees)->features(), ::testing::ElementsAre("price", "brand"));
}

TEST(Trees, WhatALinkMakesOfASum) {
  const std::vector<std::tuple<const char*, double, double>> links{
      {"regression", -1.5, -1.5}, {"regression sqrt", -1.5, -2.25},
      {"lambdarank", 1.5, 1.5},   {"poisson", 1.5, std::exp(1.5)},
      {"cross_entropy", 0, 0.5},  {"cross_entropy_lambda", 0, std::log(2.0)},
      {"tweedie", 0, 1},          {"binary sigmoid:1", 0, 0.5}};
  for (const auto& [objective, sum, expected] : links) {
    const auto text = parse_trees(with(kSmall, "binary sigmoid:2", objective));
    ASSERT_TRUE(text.has_value()) << text.error().message;
    EXPECT_DOUBLE_EQ(linked(*text, sum), expected) << objective;
  }
}

TEST(Trees, RandomTreesScoreAsThePlainTwinToTheBit) {
  for_every_target([] {
    for (uint64_t seed = 0; seed < 120; ++seed) {
      TreesDrawer draw(seed);
      const std::string text = draw.text(seed % 3 == 0 ? 4 : seed % 3 == 1 ? 33 : 300);
      const auto plain = parse_trees(text);
      ASSERT_TRUE(plain.has_value()) << seed << ": " << plain.error().message << "\n" << text;
      const auto trees = *Trees::from_text(text);
      const size_t count = 1 + seed % 90;
      const std::vector<float> rows = draw.rows(count);
      const std::vector<double> sums = sums_of(*trees, rows);
      for (size_t r = 0; r < count; ++r) {
        const auto row = std::span(rows).subspan(r * draw.features(), draw.features());
        ASSERT_EQ(std::bit_cast<uint64_t>(sums[r]),
                  std::bit_cast<uint64_t>(plain::sum_trees(*plain, row)))
            << "seed " << seed << ", row " << r;
      }
    }
  });
}

TEST(Trees, ARowIsTheSameBitsInAnyCall) {
  TreesDrawer draw(7);
  const auto trees = *Trees::from_text(draw.text(60));
  const std::vector<float> rows = draw.rows(700);
  const std::vector<double> together = sums_of(*trees, rows);
  for (const size_t size : {1, 3, 32, 33, 350}) {
    std::vector<double> apart(700);
    TreesScratch scratch;  // kept: what a call leaves in it does not count
    for (size_t at = 0; at < 700; at += size) {
      const size_t count = std::min<size_t>(size, 700 - at);
      ASSERT_TRUE(trees->sum(std::span(rows).subspan(at * draw.features(), count * draw.features()),
                             std::span(apart).subspan(at, count), scratch));
    }
    EXPECT_EQ(apart, together) << size;
  }
}

TEST(Trees, RowsOfAnotherWidthAreRefused) {
  const auto trees = *Trees::from_text(kSmall);
  std::vector<double> out(2);
  TreesScratch scratch;
  const auto status = trees->sum(std::vector<float>(3), out, scratch);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kInvalidArgument);
}

struct Damage {
  const char* from;
  const char* to;
  Code code;
  const char* message;
};

TEST(Trees, EveryDamageIsNamed) {
  const std::vector<Damage> damages{
      {"tree\n", "Tree\n", Code::kCorrupt, "line 1"},
      {"version=v4", "version=v2", Code::kUnsupportedVersion, "line 2"},
      {"version=v4\n", "", Code::kCorrupt, "no 'version'"},
      {"num_class=1", "num_class=3", Code::kInvalidArgument, "classes"},
      {"num_class=1", "num_class=one", Code::kCorrupt, "line 3"},
      {"num_class=1", "num_class=1\nnum_class=1", Code::kCorrupt, "line 4"},
      {"binary sigmoid:2", "multiclassova", Code::kInvalidArgument, "multiclassova"},
      {"sigmoid:2", "sigmoid:-2", Code::kCorrupt, "line 7"},
      {"price brand", "price", Code::kCorrupt, "line 8"},
      {"max_feature_idx=1", "max_feature_idx=4294967295", Code::kCorrupt, "line 8"},
      {"tree_sizes=10 10", "tree_sizes=10", Code::kCorrupt, "end of trees"},
      {"tree_sizes=10 10", "tree_sizes=", Code::kCorrupt, "no tree"},
      {"tree_sizes=10 10", "tree_sizes=10 10 10", Code::kCorrupt, "tree 2 of 3"},
      {"Tree=1", "Tree=2", Code::kCorrupt, "tree 1"},
      {"num_leaves=3", "num_leaves=0", Code::kCorrupt, "no leaf"},
      {"num_leaves=3", "num_leaves=4", Code::kCorrupt, "'leaf_value' has 3"},
      {"num_leaves=3", "num_leaves=4000000000", Code::kInvalidArgument, "at most"},
      {"leaf_value=-1 2 3", "leaf_value=-1 2 inf", Code::kCorrupt, "finite"},
      {"leaf_value=-1 2 3", "leaf_value=-1 2 3 4", Code::kCorrupt, "one too many"},
      {"is_linear=0", "is_linear=1", Code::kInvalidArgument, "linear"},
      {"split_feature=0 1", "split_feature=0 2", Code::kCorrupt, "'split_feature'"},
      {"split_feature=0 1", "split_feature=0 -1", Code::kCorrupt, "'split_feature'"},
      {"threshold=2.5 0", "threshold=nan 0", Code::kCorrupt, "'threshold'"},
      {"threshold=2.5 0", "threshold=2.5x 0", Code::kCorrupt, "'threshold'"},
      {"threshold=2.5 0", "threshold=2.5 1", Code::kCorrupt, "categories"},
      {"threshold=2.5 0", "threshold=2.5 0.5", Code::kCorrupt, "categories"},
      {"threshold=2.5 0", "threshold=2.5 inf", Code::kCorrupt, "categories"},
      {"decision_type=8 1", "decision_type=12 1", Code::kCorrupt, "'decision_type'"},
      {"left_child=-1 -2", "left_child=-1 -1", Code::kCorrupt, "twice"},
      {"left_child=-1 -2", "left_child=0 -2", Code::kCorrupt, "behind"},
      {"left_child=-1 -2", "left_child=-1 1", Code::kCorrupt, "behind"},
      {"left_child=-1 -2", "left_child=-1 -4", Code::kCorrupt, "behind"},
      {"left_child=-1 -2", "left_child=-1 -2147483648", Code::kCorrupt, "behind"},
      {"right_child=1 -3", "right_child=2 -3", Code::kCorrupt, "behind"},
      {"cat_boundaries=0 2", "cat_boundaries=1 2", Code::kCorrupt, "'cat_boundaries'"},
      {"cat_boundaries=0 2", "cat_boundaries=0 4000000000", Code::kCorrupt, "'cat_threshold'"},
      {"cat_threshold=10 2", "cat_threshold=10", Code::kCorrupt, "'cat_threshold'"},
      {"num_cat=1", "num_cat=4000000000", Code::kCorrupt, "'num_cat'"},
      {"end of trees", "", Code::kCorrupt, "tree"}};
  for (const Damage& damage : damages) {
    const auto read = Trees::from_text(with(kSmall, damage.from, damage.to));
    ASSERT_FALSE(read.has_value()) << damage.to;
    EXPECT_EQ(read.error().code, damage.code) << damage.to << ": " << read.error().message;
    EXPECT_THAT(read.error().message, HasSubstr(damage.message)) << damage.to;
  }
}

TEST(Trees, ATextCutAnywhereIsRefused) {
  const size_t end = kSmall.find("end of trees") + 12;
  for (size_t size = 0; size < end; ++size) {
    const auto read = Trees::from_text(std::string_view(kSmall).substr(0, size));
    ASSERT_FALSE(read.has_value()) << size;
  }
  EXPECT_TRUE(Trees::from_text(std::string_view(kSmall).substr(0, end)).has_value());
}

}  // namespace
}  // namespace palate
