#include <cmath>

#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <gtest/gtest.h>

#include "math/philox.h"
#include "math/rows.h"
#include "models/contract.h"
#include "models/graph/train.h"

namespace palate {
namespace {

SparseMatrix random_matrix(uint32_t users, uint32_t items) {
  SparseMatrix out{.rows = users, .cols = items, .start = {0}, .index = {}, .value = {}};
  for (uint32_t user = 0; user < users; ++user) {
    Philox random(11, user);
    for (uint32_t item = 0; item < items; ++item) {
      // Groups, so that some singular values stand out.
      if (random.below(10) >= (user % 4 == item % 4 ? 6U : 1U)) continue;
      out.index.push_back(item);
      out.value.push_back(1);
    }
    out.start.push_back(out.index.size());
  }
  return out;
}

TEST(Graph, TheBasisIsThatOfTheSingularVectors) {
  const SparseMatrix matrix = random_matrix(90, 60);
  Eigen::MatrixXf dense = Eigen::MatrixXf::Zero(90, 60);
  for (size_t row = 0; row < matrix.rows; ++row) {
    for (uint64_t e = matrix.start[row]; e < matrix.start[row + 1]; ++e) {
      dense(static_cast<Eigen::Index>(row), matrix.index[e]) = matrix.value[e];
    }
  }
  const Eigen::JacobiSVD<Eigen::MatrixXf> svd(dense, Eigen::ComputeThinV);
  ThreadPool pool(2);
  const auto basis =
      spectral_basis(matrix, {.factors = 4, .iterations = 12, .seed = 1, .workers = {&pool, {}}});
  ASSERT_TRUE(basis) << basis.error().message;
  for (size_t d = 0; d < 4; ++d) {
    const auto column = static_cast<Eigen::Index>(d);
    const float value = svd.singularValues()(column);
    EXPECT_NEAR(basis->values[d], value * value, 1e-2 * value * value) << d;
  }
  // The subspaces agree: the projection of one basis on the other keeps its length.
  for (size_t d = 0; d < 4; ++d) {
    double kept = 0;
    for (Eigen::Index other = 0; other < 4; ++other) {
      double product = 0;
      for (size_t i = 0; i < 60; ++i) {
        product +=
            basis->items[i * basis->dim + d] * svd.matrixV()(static_cast<Eigen::Index>(i), other);
      }
      kept += product * product;
    }
    EXPECT_NEAR(kept, 1, 1e-3) << d;
  }
}

TEST(Graph, MoreFactorsThanTheDataHasAreAsMany) {
  ThreadPool pool(1);
  const auto basis = spectral_basis(
      random_matrix(5, 60), {.factors = 64, .iterations = 3, .seed = 1, .workers = {&pool, {}}});
  ASSERT_TRUE(basis) << basis.error().message;
  EXPECT_EQ(basis->dim, padded(5));
  for (const float value : basis->items) ASSERT_TRUE(std::isfinite(value));
}

TEST(Graph, WithoutTheLowPassFilterItIsTheLinearOne) {
  const PlantedWorld world(3);
  TrainOptions options;
  options.configs.graph.low_pass = 0;
  options.configs.item_knn.contrast = 1;
  options.configs.item_knn.user_power = options.configs.graph.user_power;
  options.configs.item_knn.item_power = options.configs.graph.item_power;
  options.configs.item_knn.target_power = options.configs.graph.target_power;
  const auto graph = train_for_test("graph", DatasetView(world.data), options);
  const auto knn = train_for_test("item_knn", DatasetView(world.data), options);
  ASSERT_TRUE(graph && knn);
  Scratch scratch;
  const TopKRequest request{world.query(5), {}, 20};
  const auto a = graph->model->top_k({&request, 1}, scratch)[0];
  const auto b = knn->model->top_k({&request, 1}, scratch)[0];
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].score, b[i].score) << i;
}

TEST(Graph, ReasonsAddUpToTheScore) {
  const PlantedWorld world(4);
  const auto trained = train_for_test("graph", DatasetView(world.data));
  ASSERT_TRUE(trained) << trained.error().message;
  Scratch scratch;
  const Query query = world.query(6);
  const TopKRequest request{query, {}, 5};
  const auto lists = trained->model->top_k({&request, 1}, scratch);
  for (const Scored& scored : lists[0]) {
    const auto reasons = trained->model->explain(query, scored.item, 100, scratch);
    ASSERT_TRUE(reasons);
    float sum = 0;
    for (const Contribution& reason : *reasons) sum += reason.score;
    EXPECT_NEAR(sum, scored.score, 1e-4 * std::abs(scored.score) + 1e-6);
  }
}

// What the two tables and the scale make of the linear filter is the same as the polynomial of
// dense matrices, where all frequencies are found.
TEST(Graph, SharpeningIsThePolynomialOfTheFilter) {
  const PlantedWorld world(5);
  const DatasetView view(world.data);
  ModelConfigs configs;
  configs.graph.filter = "sharpened";
  configs.graph.factors = 1024;
  configs.graph.iterations = 30;
  configs.graph.low_pass = 0.2;
  configs.graph.sharpening = 2.5;
  ThreadPool pool(2);
  const TrainJob job{&view, &configs, &pool, {}, 1};
  const SparseMatrix matrix = preference_matrix(view);
  const auto counts = entries_by_column(matrix);
  GraphInput input{matrix, matrix, counts};
  const auto users = static_cast<Eigen::Index>(matrix.rows);
  const auto items = static_cast<Eigen::Index>(matrix.cols);
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(users, items);
  for (size_t user = 0; user < matrix.rows; ++user) {
    const auto n = static_cast<double>(matrix.start[user + 1] - matrix.start[user]);
    for (uint64_t e = matrix.start[user]; e < matrix.start[user + 1]; ++e) {
      const double value = 1 / std::sqrt(n * counts[matrix.index[e]]);
      input.normalized.value[e] = static_cast<float>(value);
      x(static_cast<Eigen::Index>(user), matrix.index[e]) = value;
    }
  }
  const auto filters = graph_filters(input, job);
  ASSERT_TRUE(filters) << filters.error().message;
  const Eigen::MatrixXd p = x.transpose() * x;
  const Eigen::MatrixXd one = Eigen::MatrixXd::Identity(items, items), z = 2.5 * p;
  const Eigen::MatrixXd left = one - z + z * z / 2 - z * z * z / 6 + z * z * z * z / 24;
  // All frequencies are let through that the graph has: it projects onto what the filter leaves.
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> axes(p);
  const Eigen::MatrixXd kept =
      axes.eigenvectors() *
      (axes.eigenvalues().array() > 1e-6).cast<double>().matrix().asDiagonal() *
      axes.eigenvectors().transpose();
  Eigen::MatrixXd ideal = 0.2 * kept;
  for (Eigen::Index i = 0; i < items; ++i) {
    const double root = std::sqrt(std::max(1U, counts[static_cast<size_t>(i)]));
    ideal.row(i) /= root;
    ideal.col(i) *= root;
  }
  const Eigen::MatrixXd expected = (p + ideal) * left;
  for (Eigen::Index i = 0; i < items; ++i) {
    for (Eigen::Index j = 0; j < items; ++j) {
      const auto* past = filters->past.data() + static_cast<size_t>(i) * filters->dim;
      const auto* target = filters->target.data() + static_cast<size_t>(j) * filters->dim;
      double sum = filters->linear_scale * p(i, j);
      for (size_t d = 0; d < filters->dim; ++d) sum += double{past[d]} * target[d];
      ASSERT_NEAR(sum, expected(i, j), 5e-3) << i << ' ' << j;
    }
  }
}

TEST(Graph, EveryFilterKeepsToTheGroup) {
  const PlantedWorld world(6);
  for (const char* filter : {"low_pass", "sharpened", "propagated"}) {
    TrainOptions options;
    options.configs.graph.filter = filter;
    options.configs.graph.factors = 8;
    const auto trained = train_for_test("graph", DatasetView(world.data), options);
    ASSERT_TRUE(trained) << trained.error().message;
    Scratch scratch;
    const TopKRequest request{world.query(3), {}, 10};
    const auto lists = trained->model->top_k({&request, 1}, scratch);
    for (const Scored& item : lists[0]) {
      EXPECT_EQ(PlantedWorld::group_of_item(item.item), 1U) << filter;
    }
  }
  TrainOptions options;
  options.configs.graph.filter = "loud";
  EXPECT_EQ(train_for_test("graph", DatasetView(world.data), options).error().code,
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace palate
