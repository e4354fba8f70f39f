#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "math/philox.h"
#include "models/contract.h"
#include "models/item_knn/train.h"

namespace palate {
namespace {

SparseMatrix counts_matrix(uint64_t seed) {
  SparseMatrix out{.rows = 50, .cols = 30, .start = {0}, .index = {}, .value = {}};
  for (uint32_t user = 0; user < out.rows; ++user) {
    Philox random(seed, user);
    for (uint32_t item = 0; item < out.cols; ++item) {
      if (random.below(4) != 0) continue;
      out.index.push_back(item);
      out.value.push_back(static_cast<float>(1 + random.below(5)));
    }
    out.start.push_back(out.index.size());
  }
  return out;
}

std::vector<std::vector<double>> dense(const SparseMatrix& matrix) {
  std::vector<std::vector<double>> out(matrix.rows, std::vector<double>(matrix.cols, 0.0));
  for (size_t row = 0; row < matrix.rows; ++row) {
    for (uint64_t e = matrix.start[row]; e < matrix.start[row + 1]; ++e) {
      out[row][matrix.index[e]] = matrix.value[e];
    }
  }
  return out;
}

class ItemKnn : public ::testing::Test {
 protected:
  // Weights by item of the past and item, of all pairs.
  std::vector<std::vector<double>> fit(const SparseMatrix& matrix, ItemKnnConfig config) {
    config.neighbours = 2000;
    auto weights = item_knn_fit(matrix, config, {&pool_, {}});
    EXPECT_TRUE(weights) << weights.error().message;
    return dense(*weights);
  }
  ThreadPool pool_{2};
};

TEST_F(ItemKnn, CosineIsTheCosineOfTheColumns) {
  const SparseMatrix matrix = counts_matrix(1);
  const auto x = dense(matrix);
  const auto weights = fit(matrix, {.similarity = "cosine", .contrast = 1, .value_power = 1});
  for (size_t i = 0; i < matrix.cols; ++i) {
    for (size_t j = 0; j < matrix.cols; ++j) {
      double product = 0, left = 0, right = 0;
      for (const auto& row : x) {
        product += row[i] * row[j], left += row[i] * row[i], right += row[j] * row[j];
      }
      EXPECT_NEAR(weights[i][j], i == j ? 0 : product / std::sqrt(left * right), 1e-5);
    }
  }
}

// P(i → user → j): one over the item's and the user's number of entries, each to the power.
TEST_F(ItemKnn, Rp3BetaIsAWalkOfTwoSteps) {
  const SparseMatrix matrix = counts_matrix(2);
  const auto x = dense(matrix);
  const double alpha = 0.8, beta = 0.4;
  const auto weights = fit(
      matrix, {.similarity = "rp3beta", .item_power = alpha, .target_power = beta, .contrast = 1});
  std::vector<double> of_item(matrix.cols, 0), of_user(matrix.rows, 0);
  for (size_t u = 0; u < matrix.rows; ++u) {
    for (size_t i = 0; i < matrix.cols; ++i) of_user[u] += x[u][i] > 0, of_item[i] += x[u][i] > 0;
  }
  for (size_t i = 0; i < matrix.cols; ++i) {
    for (size_t j = 0; j < matrix.cols; ++j) {
      double walk = 0;
      for (size_t u = 0; u < matrix.rows; ++u) {
        if (x[u][i] > 0 && x[u][j] > 0) {
          walk += std::pow(1 / of_item[i], alpha) * std::pow(1 / of_user[u], alpha);
        }
      }
      EXPECT_NEAR(weights[i][j], i == j ? 0 : walk / std::pow(of_item[j], beta), 1e-5);
    }
  }
}

TEST_F(ItemKnn, OnlyTheNearestAreKept) {
  const SparseMatrix matrix = counts_matrix(3);
  for (const char* similarity : {"paths", "cosine", "tfidf", "bm25", "rp3beta"}) {
    ItemKnnConfig config{.similarity = similarity};
    const auto all = fit(matrix, config);
    config.neighbours = 10;
    const auto weights = item_knn_fit(matrix, config, {&pool_, {}});
    ASSERT_TRUE(weights) << similarity;
    const auto kept = dense(*weights);
    for (size_t j = 0; j < matrix.cols; ++j) {
      size_t count = 0;
      double least = 1e9, most_left_out = 0;
      for (size_t i = 0; i < matrix.cols; ++i) {
        count += kept[i][j] > 0;
        if (kept[i][j] > 0) least = std::min(least, kept[i][j]);
        if (!(kept[i][j] > 0)) most_left_out = std::max(most_left_out, all[i][j]);
      }
      EXPECT_LE(count, 10U) << similarity;
      EXPECT_GE(least, most_left_out) << similarity;
    }
  }
}

TEST_F(ItemKnn, NothingToLearnFromIsSaid) {
  const SparseMatrix nothing{.rows = 1, .cols = 1, .start = {0, 0}, .index = {}, .value = {}};
  const auto weights = item_knn_fit(nothing, {}, {&pool_, {}});
  ASSERT_FALSE(weights);
  EXPECT_EQ(weights.error().code, Code::kInvalidArgument);
}

TEST_F(ItemKnn, OneUserWithEverythingIsAnswered) {
  for (const char* similarity : {"paths", "cosine", "tfidf", "bm25", "rp3beta"}) {
    SparseMatrix all{.rows = 1, .cols = 20, .start = {0, 20}, .index = {}, .value = {}};
    for (uint32_t item = 0; item < 20; ++item) all.index.push_back(item), all.value.push_back(1);
    const auto weights = item_knn_fit(all, {.similarity = similarity}, {&pool_, {}});
    ASSERT_TRUE(weights) << similarity;
    for (const float weight : weights->value) EXPECT_TRUE(std::isfinite(weight)) << similarity;
  }
}

}  // namespace
}  // namespace palate
