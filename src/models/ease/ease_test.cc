#include <cmath>

#include <Eigen/Dense>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "math/philox.h"
#include "math/rows.h"
#include "models/contract.h"
#include "models/ease/train_fit.h"

namespace palate {
namespace {

SparseMatrix random_matrix(uint32_t users, uint32_t items, double density, uint64_t seed) {
  SparseMatrix out{.rows = users, .cols = items, .start = {0}, .index = {}, .value = {}};
  for (uint32_t user = 0; user < users; ++user) {
    Philox random(seed, user);
    for (uint32_t item = 0; item < items; ++item) {
      if (random.below(1000) >= density * 1000 / (1 + 0.02 * item)) continue;
      out.index.push_back(item);
      out.value.push_back(1);
    }
    out.start.push_back(out.index.size());
  }
  return out;
}

// What the header says, in double, by its formula.
Eigen::MatrixXd oracle(const SparseMatrix& matrix, const EaseConfig& config) {
  const auto users = static_cast<Eigen::Index>(matrix.rows);
  const auto items = static_cast<Eigen::Index>(matrix.cols);
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(users, items);
  Eigen::VectorXd count = Eigen::VectorXd::Zero(items);
  for (Eigen::Index u = 0; u < users; ++u) {
    const auto row = static_cast<size_t>(u);
    const auto n = static_cast<double>(matrix.start[row + 1] - matrix.start[row]);
    for (uint64_t e = matrix.start[row]; e < matrix.start[row + 1]; ++e) {
      x(u, matrix.index[e]) = std::pow(n, -config.user_power / 2);
      count(matrix.index[e]) += 1;
    }
  }
  const Eigen::ArrayXd d = count.array().max(1.0);
  const Eigen::VectorXd scale = d.pow(-config.item_power).matrix();
  Eigen::MatrixXd gram = scale.asDiagonal() * (x.transpose() * x) * scale.asDiagonal();
  double sum = 0, known = 0;
  for (Eigen::Index i = 0; i < items; ++i) {
    if (gram(i, i) > 0) sum += gram(i, i), ++known;
  }
  gram.diagonal().array() += config.regularization * sum / known;
  const Eigen::MatrixXd p = gram.inverse();
  Eigen::MatrixXd weights(items, items);
  for (Eigen::Index i = 0; i < items; ++i) {
    for (Eigen::Index j = 0; j < items; ++j) {
      const double b = i == j ? 0 : -p(i, j) / p(j, j);
      weights(i, j) = scale(i) * b * std::pow(d(j), config.target_power);
    }
  }
  return weights;
}

class Ease : public ::testing::Test {
 protected:
  EaseFitOptions options(EaseConfig config) { return {config, &pool_, {}}; }
  ThreadPool pool_{2};
};

TEST_F(Ease, ExactIsTheClosedForm) {
  for (const uint32_t items : {1U, 15U, 16U, 130U, 300U}) {
    const SparseMatrix matrix = random_matrix(200, items, 0.3, items);
    if (matrix.index.empty()) continue;
    EaseConfig config;
    config.regularization = 0.5;
    const auto weights = ease_fit_exact(matrix, options(config));
    ASSERT_TRUE(weights) << weights.error().message;
    const auto expected = oracle(matrix, config);
    const size_t stride = padded(items);
    ASSERT_EQ(weights->size(), items * stride);
    for (uint32_t i = 0; i < items; ++i) {
      for (uint32_t j = 0; j < stride; ++j) {
        const double want = j < items ? expected(i, j) : 0;
        ASSERT_NEAR((*weights)[i * stride + j], want, 2e-5) << items << ": " << i << ", " << j;
      }
    }
  }
}

TEST_F(Ease, AllNeighboursAreTheExactSolution) {
  // Everybody has an item in common with everybody here.
  const SparseMatrix matrix = random_matrix(150, 60, 0.9, 3);
  EaseConfig config;
  config.neighbours = 1000;
  const auto weights = ease_fit_neighbours(matrix, options(config));
  ASSERT_TRUE(weights) << weights.error().message;
  const auto expected = oracle(matrix, config);
  EXPECT_EQ(weights->index.size(), 60U * 59U);
  for (uint32_t i = 0; i < 60; ++i) {
    for (uint64_t e = weights->start[i]; e < weights->start[i + 1]; ++e) {
      ASSERT_NEAR(weights->value[e], expected(i, weights->index[e]), 2e-5) << i;
    }
  }
}

TEST_F(Ease, NeighboursAreLimitedAndAscending) {
  const SparseMatrix matrix = random_matrix(150, 80, 0.5, 4);
  EaseConfig config;
  config.neighbours = 10;
  const auto weights = ease_fit_neighbours(matrix, options(config));
  ASSERT_TRUE(weights) << weights.error().message;
  for (const uint32_t count : entries_by_column(*weights)) EXPECT_LE(count, 10U);
  for (uint32_t i = 0; i < 80; ++i) {
    for (uint64_t e = weights->start[i]; e < weights->start[i + 1]; ++e) {
      EXPECT_NE(weights->index[e], i);
      if (e == weights->start[i]) continue;
      EXPECT_LT(weights->index[e - 1], weights->index[e]);
    }
  }
}

TEST_F(Ease, TheSameBitsOnAnyNumberOfThreads) {
  const SparseMatrix matrix = random_matrix(200, 300, 0.2, 5);
  ThreadPool one(1), three(3);
  const EaseFitOptions a{{}, &one, {}}, b{{}, &three, {}};
  EXPECT_EQ(*ease_fit_exact(matrix, a), *ease_fit_exact(matrix, b));
  EXPECT_EQ(ease_fit_neighbours(matrix, a)->value, ease_fit_neighbours(matrix, b)->value);
}

// A user with everything, items that nobody has, items that always come together, one user, one
// item: sums stay finite.
TEST_F(Ease, DegenerateDataGivesFiniteWeights) {
  const auto finite = [](std::span<const float> values) {
    return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
  };
  SparseMatrix together{.rows = 3, .cols = 40, .start = {0}, .index = {}, .value = {}};
  for (int user = 0; user < 3; ++user) {
    for (uint32_t item = 0; item < (user == 0 ? 40U : 20U); ++item) {
      together.index.push_back(item);
      together.value.push_back(1);
    }
    together.start.push_back(together.index.size());
  }
  const SparseMatrix single{.rows = 1, .cols = 1, .start = {0, 1}, .index = {0}, .value = {1}};
  for (const SparseMatrix& matrix : {together, single}) {
    for (const double regularization : {0.1, 300.0}) {
      EaseConfig config;
      config.regularization = regularization;
      const auto exact = ease_fit_exact(matrix, options(config));
      const auto local = ease_fit_neighbours(matrix, options(config));
      ASSERT_TRUE(exact && local);
      EXPECT_TRUE(finite(*exact));
      EXPECT_TRUE(finite(local->value));
    }
  }
  const SparseMatrix nothing{.rows = 2, .cols = 2, .start = {0, 0, 0}, .index = {}, .value = {}};
  EXPECT_EQ(ease_fit_exact(nothing, options({})).error().code, Code::kInvalidArgument);
  EXPECT_EQ(ease_fit_neighbours(nothing, options({})).error().code, Code::kInvalidArgument);
}

TEST_F(Ease, WhatIsNotPositiveDefiniteIsSaid) {
  std::vector<float> a(16 * 16, 0.0F);
  for (size_t i = 0; i < 16; ++i) a[i * 16 + i] = i == 7 ? -1.0F : 1.0F;
  const auto inverted = invert_by_sweeps(a.data(), 16, 16, {&pool_, {}});
  ASSERT_TRUE(inverted);
  EXPECT_FALSE(*inverted);
}

TEST(EaseModel, ExactPassesWhereNeighboursDo) {
  const PlantedWorld world(7);
  TrainOptions options;
  options.configs.ease.solver = "exact";
  const auto trained = train_for_test("ease", DatasetView(world.data), options);
  ASSERT_TRUE(trained) << trained.error().message;
  Scratch scratch;
  const Query query = world.query(3);
  const TopKRequest request{query, {}, 1000};
  const auto list = trained->model->top_k({&request, 1}, scratch)[0];
  EXPECT_EQ(list.size(), 2 * PlantedWorld::kGroupItems);
  const auto reasons = trained->model->explain(query, list[0].item, 100, scratch);
  ASSERT_TRUE(reasons);
  float sum = 0;
  for (const Contribution& reason : *reasons) sum += reason.score;
  EXPECT_NEAR(sum, list[0].score, 1e-4);
}

}  // namespace
}  // namespace palate
