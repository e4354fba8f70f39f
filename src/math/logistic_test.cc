#include "math/logistic.h"

#include <cmath>

#include <gtest/gtest.h>

#include "math/philox.h"

namespace palate {
namespace {

struct Drawn {
  std::vector<double> rows;
  std::vector<uint8_t> happened;
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
  const Logistic fit = fit_logistic(drawn.rows, drawn.happened, 2);
  EXPECT_NEAR(fit.weights[0], 1.5, 0.04);
  EXPECT_NEAR(fit.weights[1], -0.5, 0.02);
  EXPECT_NEAR(fit.shift, 0.25, 0.02);
}

TEST(Logistic, TheGradientIsZeroThere) {
  const Drawn drawn = draw(500);
  const Logistic fit = fit_logistic(drawn.rows, drawn.happened, 2);
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
  const Logistic single = fit_logistic(one, drawn.happened, 1);
  const Logistic both = fit_logistic(twice, drawn.happened, 2);
  EXPECT_NEAR(both.weights[0] + both.weights[1], single.weights[0], 1e-4);
  EXPECT_NEAR(both.weights[0], both.weights[1], 1e-2);
}

TEST(Logistic, NothingIsLearnedWhereAllHappened) {
  const Logistic fit = fit_logistic(std::vector<double>{1, 2, 3}, std::vector<uint8_t>{1, 1, 1}, 1);
  EXPECT_EQ(fit.weights, std::vector<double>{0});
  EXPECT_EQ(fit.shift, 0);
}

TEST(Logistic, SeparableRowsEndWithFiniteWeights) {
  const Logistic fit =
      fit_logistic(std::vector<double>{-2, -1, 1, 2}, std::vector<uint8_t>{0, 0, 1, 1}, 1);
  EXPECT_TRUE(std::isfinite(fit.weights[0]));
  EXPECT_GT(fit.weights[0], 1);
}

}  // namespace
}  // namespace palate
