// The loss that implicit ALS reports with regularization by frequency, λ(|I_u| + α₀|I|)^ν (Rendle
// et al., "Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022,
// section 3.2), is that sum, and each half-step solves it.
#include <cmath>

#include <gtest/gtest.h>

#include "math/philox.h"
#include "models/als/train_fit.h"

namespace palate {
namespace {

SparseMatrix some_matrix(size_t rows, size_t cols) {
  Philox random(2);
  SparseMatrix matrix{.rows = rows, .cols = cols, .start = {0}, .index = {}, .value = {}};
  for (size_t row = 0; row < rows; ++row) {
    for (uint32_t col = 0; col < cols; ++col) {
      if (random.below(100) > 3 + row % 20) continue;
      matrix.index.push_back(col);
      matrix.value.push_back(static_cast<float>(1 + random.below(3)));
    }
    matrix.start.push_back(matrix.index.size());
  }
  return matrix;
}

// α₀ is 1 / alpha: what is not seen weighs 1 where something seen weighs 1 + alpha. All of it is
// multiplied by alpha against the paper, and λ with it.
double by_definition(const SparseMatrix& matrix, const AlsFactors& fit, const AlsConfig& config) {
  const SparseMatrix by_item = matrix.transposed();
  double sum = 0, confidence = 0;
  for (size_t u = 0; u < matrix.rows; ++u) {
    std::vector<double> weight(matrix.cols, 0.0);
    for (uint64_t at = matrix.start[u]; at < matrix.start[u + 1]; ++at) {
      weight[matrix.index[at]] = config.alpha * matrix.value[at];
    }
    for (size_t i = 0; i < matrix.cols; ++i) {
      double z = 0;
      for (size_t d = 0; d < fit.dim; ++d) {
        z += double{fit.users[u * fit.dim + d]} * fit.items[i * fit.dim + d];
      }
      sum += (1 + weight[i]) * std::pow((weight[i] > 0 ? 1 : 0) - z, 2);
      confidence += 1 + weight[i];
    }
  }
  const auto add = [&](const SparseMatrix& side, const FloatTable& vectors) {
    for (size_t row = 0; row < side.rows; ++row) {
      const auto count = static_cast<double>(side.start[row + 1] - side.start[row]);
      const double lambda =
          config.regularization * std::pow(count + static_cast<double>(side.cols) / config.alpha,
                                           config.regularization_exponent);
      for (size_t d = 0; d < fit.dim; ++d) {
        sum += lambda * std::pow(double{vectors[row * fit.dim + d]}, 2);
      }
    }
  };
  add(matrix, fit.users);
  add(by_item, fit.items);
  return sum / confidence;
}

TEST(AlsObjective, IsThePublishedOneForEveryExponentAndFalls) {
  const SparseMatrix matrix = some_matrix(120, 60);
  ThreadPool pool(2);
  for (const double exponent : {0.0, 0.5, 1.0}) {
    for (const char* solver : {"cg", "cholesky"}) {
      AlsFitOptions options;
      options.config.factors = 6;
      options.config.iterations = 8;
      options.config.alpha = 5;
      options.config.regularization = 0.05;
      options.config.regularization_exponent = exponent;
      options.config.solver = solver;
      options.pool = &pool;
      const auto fit = als_fit(matrix, options);
      ASSERT_TRUE(fit) << fit.error().message;
      EXPECT_NEAR(fit->loss.back() / by_definition(matrix, *fit, options.config), 1, 1e-5)
          << solver << " " << exponent;
      for (size_t e = 1; e < fit->loss.size(); ++e) {
        EXPECT_LE(fit->loss[e], fit->loss[e - 1] * (1 + 1e-6)) << solver << " " << exponent;
      }
    }
  }
}

}  // namespace
}  // namespace palate
