#include "math/logistic.h"

#include <cmath>

#include <gtest/gtest.h>

#include "math/philox.h"

namespace palate {
namespace {

struct Drawn {
  std::vector<double> rows;
  std::vector<float> happened;
};

// Rows of two columns, of which sigmoid(1.5 a - 0.5 b + 0.25) says how likely it happens.
Drawn draw(size_t count) {
  Philox random(3);
  Drawn out;
  for (size_t i = 0; i < count; ++i) {
    const double a = random.below(2000) / 1000.0 - 1, b = random.below(4000) / 1000.0 - 2;
    const double p = 1 / (1 + std::exp(-(1.5 * a - 0.5 * b + 0.25)));
    out.rows.insert(out.rows.end(), {a, b});
    out.happened.push_back(random.below(1'000'000) < p * 1e6 ? 1 : 0);
  }
  return out;
}

TEST(Logistic, FindsTheWeightsThatTheRowsWereDrawnWith) {
  const Drawn drawn = draw(200'000);
  const Logistic fit = fit_logistic(drawn.rows, {drawn.happened}, 2);
  EXPECT_NEAR(fit.weights[0], 1.5, 0.04);
  EXPECT_NEAR(fit.weights[1], -0.5, 0.02);
  EXPECT_NEAR(fit.shift, 0.25, 0.02);
}

TEST(Logistic, TheGradientIsZeroThere) {
  const Drawn drawn = draw(500);
  const Logistic fit = fit_logistic(drawn.rows, {drawn.happened}, 2);
  double off[3] = {};
  for (size_t i = 0; i < 500; ++i) {
    const auto row = std::span(drawn.rows).subspan(2 * i, 2);
    const double p = 1 / (1 + std::exp(-fit.value(row))) - drawn.happened[i];
    off[0] += p * row[0], off[1] += p * row[1], off[2] += p;
  }
  for (const double sum : off) EXPECT_NEAR(sum / 500, 0, 1e-6);
}

TEST(Logistic, ColumnsThatSayTheSameShareTheWeight) {
  const Drawn drawn = draw(2000);
  std::vector<double> one, twice;
  for (size_t i = 0; i < drawn.happened.size(); ++i) {
    const double a = drawn.rows[2 * i];
    one.push_back(a);
    twice.insert(twice.end(), {a, a});
  }
  const Logistic single = fit_logistic(one, {drawn.happened}, 1);
  const Logistic both = fit_logistic(twice, {drawn.happened}, 2);
  EXPECT_NEAR(both.weights[0] + both.weights[1], single.weights[0], 1e-4);
  EXPECT_NEAR(both.weights[0], both.weights[1], 1e-2);
}

TEST(Logistic, AWeightIsSoManyRowsAndAShareOfALabelASoLikelyOne) {
  const Drawn drawn = draw(400);
  Drawn repeated, shared;
  std::vector<float> weights;
  for (size_t i = 0; i < 400; ++i) {
    const auto row = std::span(drawn.rows).subspan(2 * i, 2);
    weights.push_back(static_cast<float>(i % 4));
    for (size_t times = 0; times < i % 4; ++times) {
      repeated.rows.insert(repeated.rows.end(), row.begin(), row.end());
      repeated.happened.push_back(drawn.happened[i]);
    }
  }
  const Logistic weighed = fit_logistic(drawn.rows, {drawn.happened, weights}, 2);
  const Logistic plain = fit_logistic(repeated.rows, {repeated.happened}, 2);
  EXPECT_NEAR(weighed.weights[0], plain.weights[0], 1e-6);
  EXPECT_NEAR(weighed.shift, plain.shift, 1e-6);
  // Of three rows one happened; the same said in one row.
  const std::vector<float> one_of_three{0, 0, 1, 1, 1, 0}, shares{1.0F / 3, 2.0F / 3};
  const Logistic whole = fit_logistic(std::vector<double>{-1, -1, -1, 1, 1, 1}, {one_of_three}, 1);
  const Logistic parts = fit_logistic(std::vector<double>{-1, 1}, {shares}, 1);
  EXPECT_NEAR(whole.weights[0], parts.weights[0], 1e-5);
  EXPECT_NEAR(whole.shift, parts.shift, 1e-5);
}

TEST(Logistic, NothingIsLearnedWhereAllHappened) {
  const std::vector<float> all{1, 1, 1};
  const Logistic fit = fit_logistic(std::vector<double>{1, 2, 3}, {all}, 1);
  EXPECT_EQ(fit.weights, std::vector<double>{0});
  EXPECT_EQ(fit.shift, 0);
}

TEST(Logistic, SeparableRowsEndWithFiniteWeights) {
  const std::vector<float> above_0{0, 0, 1, 1};
  const Logistic fit = fit_logistic(std::vector<double>{-2, -1, 1, 2}, {above_0}, 1);
  EXPECT_TRUE(std::isfinite(fit.weights[0]));
  EXPECT_GT(fit.weights[0], 1);
}

}  // namespace
}  // namespace palate
