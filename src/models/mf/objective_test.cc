// What the descent solvers say they minimize is the published sum, in the plain Frobenius form (ν
// 0) and in the usual weighted one (ν 1), and they do make it smaller.
#include <cmath>

#include <gtest/gtest.h>

#include "math/philox.h"
#include "models/mf/train_fit.h"

namespace palate {
namespace {

constexpr size_t kUsers = 40, kItems = 25;

// Ratings with tastes in them; users and items rated from once to often.
MfData ratings() {
  Philox random(3);
  MfData data;
  data.mean = 3;
  data.low = 1;
  data.high = 5;
  MfMatrix& matrix = data.by_user;
  matrix.rows = kUsers;
  matrix.cols = kItems;
  matrix.start.push_back(0);
  for (uint32_t user = 0; user < kUsers; ++user) {
    for (uint32_t item = 0; item < kItems; ++item) {
      if (random.below(kUsers) > user || random.below(kItems) > item + 5) continue;
      matrix.index.push_back(item);
      matrix.value.push_back(((user + item) % 2 == 0 ? 1.0F : -1.0F) +
                             0.2F * static_cast<float>(random.normal()));
    }
    matrix.start.push_back(matrix.index.size());
  }
  matrix.ts.resize(matrix.size());
  data.by_item = matrix.transposed();
  return data;
}

// Σ (r − w·h)² + Σ_u n_u^ν λ‖w_u‖² + Σ_i n_i^ν λ‖h_i‖², every term by its name. Biases are the
// first of each vector and are regularized with it.
double by_definition(const MfData& data, const MfState& state, const MfConfig& config) {
  const size_t dim = static_cast<size_t>(config.factors) + 1;
  std::vector<double> user_ratings(kUsers, 0.0), item_ratings(kItems, 0.0);
  double sum = 0;
  for (size_t user = 0; user < kUsers; ++user) {
    for (uint64_t at = data.by_user.start[user]; at < data.by_user.start[user + 1]; ++at) {
      const uint32_t item = data.by_user.index[at];
      const float* w = &state.users[user * dim];
      const float* h = &state.items[item * dim];
      double predicted = double{w[0]} + h[0];
      for (size_t d = 1; d < dim; ++d) predicted += double{w[d]} * h[d];
      sum += std::pow(data.by_user.value[at] - predicted, 2);
      ++user_ratings[user];
      ++item_ratings[item];
    }
  }
  const auto add = [&](const std::vector<double>& count, const std::vector<float>& vectors) {
    for (size_t row = 0; row < count.size(); ++row) {
      if (count[row] == 0) continue;
      double length = 0;
      for (size_t d = 0; d < dim; ++d) length += std::pow(double{vectors[row * dim + d]}, 2);
      sum += config.regularization * std::pow(count[row], config.regularization_exponent) * length;
    }
  };
  add(user_ratings, state.users);
  add(item_ratings, state.items);
  return sum / static_cast<double>(data.by_user.size());
}

class MfObjective : public ::testing::TestWithParam<double> {
 protected:
  // Runs epochs of `solver`, checking after each that the curve is the definition's value.
  void run(const char* solver, Status (*epoch)(MfRun&, MfState&)) {
    const MfData data = ratings();
    ThreadPool pool(2);
    MfFitOptions options;
    options.config.solver = solver;
    options.config.factors = 3;
    options.config.regularization = 0.02;
    options.config.regularization_exponent = GetParam();
    options.config.learning_rate = 0.1;
    options.pool = &pool;
    MfRun fit{data, options, {}, {}, {}, {}};
    fit.scratch.resize(pool.size());
    MfState state;
    Philox random(8);
    for (auto* side : {&state.users, &state.items}) {
      side->resize((side == &state.users ? kUsers : kItems) * fit.dim());
      for (float& value : *side) value = 0.1F * static_cast<float>(random.normal());
    }
    const double before = by_definition(data, state, options.config);
    for (state.epoch = 0; state.epoch < 20; ++state.epoch) {
      ASSERT_TRUE(epoch(fit, state));
      EXPECT_NEAR(state.curve.objective.back(), by_definition(data, state, options.config), 1e-6)
          << solver << " epoch " << state.epoch;
    }
    EXPECT_LT(state.curve.objective.back(), 0.8 * before) << solver;
  }
};

TEST_P(MfObjective, OfAlternatingLeastSquares) { run("als", mf_als_epoch); }
TEST_P(MfObjective, OfStochasticDescent) { run("sgd", mf_sgd_epoch); }
TEST_P(MfObjective, OfDescentWithoutOrder) { run("hogwild", mf_hogwild_epoch); }

INSTANTIATE_TEST_SUITE_P(PlainBetweenAndWeighted, MfObjective, testing::Values(0.0, 0.5, 1.0));

}  // namespace
}  // namespace palate
