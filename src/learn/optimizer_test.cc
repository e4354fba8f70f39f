#include "learn/optimizer.h"

#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/platt.h"
#include "math/philox.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

// A bowl with another width in each direction: Σ (i + 1) (w_i − 1)².
struct Bowl {
  std::vector<float> weights = std::vector<float>(5, 0.0F), gradients = weights, first = weights,
                     second = weights;
  void slope() {
    for (size_t i = 0; i < weights.size(); ++i) {
      gradients[i] = 2 * static_cast<float>(i + 1) * (weights[i] - 1);
    }
  }
  void step(const StepOptions& options) { take_step({weights, gradients, first, second}, options); }
};

class EveryRule : public ::testing::TestWithParam<Rule> {};

TEST_P(EveryRule, FindsTheBottomOfABowl) {
  Bowl bowl;
  StepOptions options{.rule = GetParam(),
                      .learning_rate = GetParam() == Rule::kAdagrad ? 0.5 : 0.05};
  for (options.step = 1; options.step <= 2000; ++options.step) {
    bowl.slope();
    bowl.step(options);
    options.learning_rate *= 0.998;
  }
  for (const float weight : bowl.weights) EXPECT_NEAR(weight, 1, 0.01);
}

INSTANTIATE_TEST_SUITE_P(All, EveryRule,
                         ::testing::Values(Rule::kSgd, Rule::kAdagrad, Rule::kAdam, Rule::kLamb));

// Kingma and Ba 2015, algorithm 1, written out in double.
TEST(Adam, TakesThePapersSteps) {
  Bowl bowl;
  std::vector<double> w(5), m(5), v(5);
  for (int64_t t = 1; t <= 50; ++t) {
    bowl.slope();
    for (size_t i = 0; i < w.size(); ++i) {
      const double g = 2 * static_cast<double>(i + 1) * (w[i] - 1) + 0.1 * w[i];
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      w[i] -= 0.01 * (m[i] / (1 - std::pow(0.9, t))) /
              (std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-8);
    }
    bowl.step({.rule = Rule::kAdam, .learning_rate = 0.01, .l2 = 0.1, .step = t});
  }
  for (size_t i = 0; i < w.size(); ++i) EXPECT_NEAR(bowl.weights[i], w[i], 1e-5);
}

TEST(WeightDecay, ShrinksBesideTheGradient) {
  Bowl bowl;
  bowl.weights.assign(5, 2.0F);
  bowl.gradients.assign(5, 0.0F);
  bowl.step({.rule = Rule::kAdam, .learning_rate = 0.1, .weight_decay = 0.5});
  for (const float weight : bowl.weights) EXPECT_NEAR(weight, 2 * (1 - 0.1 * 0.5), 1e-6);
}

TEST(Lamb, MovesAParameterInProportionToItsLength) {
  for (const float length : {0.1F, 1.0F, 10.0F}) {
    std::vector<float> weights{length, 0}, gradients{0, 1}, first(2), second(2);
    take_step({weights, gradients, first, second}, {.rule = Rule::kLamb, .learning_rate = 0.01});
    EXPECT_NEAR(weights[1], -0.01 * length, 1e-6 * length);
  }
}

TEST(RowAdagrad, DividesByOneNumberARow) {
  std::vector<float> weights{1, 2};
  float sum = 0;
  take_row_step(weights, std::vector<float>{3, 4}, sum,
                {.rule = Rule::kAdagrad, .learning_rate = 0.1});
  EXPECT_FLOAT_EQ(sum, 12.5F);  // (9 + 16) / 2
  EXPECT_NEAR(weights[0], 1 - 0.1 * 3 / std::sqrt(12.5), 1e-6);
  EXPECT_NEAR(weights[1], 2 - 0.1 * 4 / std::sqrt(12.5), 1e-6);
}

TEST(Rule, UnknownNamesAreRefusedWithTheKnown) {
  const auto rule = parse_rule("adamax");
  ASSERT_FALSE(rule);
  EXPECT_THAT(rule.error().message, HasSubstr("adagrad"));
}

TEST(Platt, FindsSlopeAndShiftThatMadeTheData) {
  Philox random(5);
  std::vector<double> value;
  std::vector<float> happened;
  for (int i = 0; i < 200000; ++i) {
    value.push_back(2 * random.normal());
    const double truth = 1 / (1 + std::exp(-(0.6 * value.back() - 0.8)));
    happened.push_back(random.uniform() < truth ? 1.0F : 0.0F);
  }
  const Platt found = fit_platt(value, happened);
  EXPECT_NEAR(found.slope, 0.6, 0.02);
  EXPECT_NEAR(found.shift, -0.8, 0.02);
}

TEST(Platt, NeverTurnsTheOrderRoundAndLeavesOneClassAlone) {
  const std::vector<double> value{1, 2, 3, 4};
  EXPECT_EQ(fit_platt(value, std::vector<float>{1, 1, 0, 0}).slope, 0);
  EXPECT_EQ(fit_platt(value, std::vector<float>{1, 1, 1, 1}).slope, 1);
  const Platt separated = fit_platt(value, std::vector<float>{0, 0, 1, 1});
  EXPECT_TRUE(std::isfinite(separated.slope) && separated.slope > 0);
}

// A third of what would have happened was seen: (c - 0.1) / 0.3 is right on average.
TEST(Platt, TakesCorrectedLabelsAsTheyAreOnAverage) {
  Philox random(6);
  std::vector<double> value;
  std::vector<float> label, weight;
  for (int i = 0; i < 400000; ++i) {
    value.push_back(2 * random.normal());
    const double truth = 1 / (1 + std::exp(-(0.6 * value.back() - 0.8)));
    const bool spoilt = i % 2 == 0;  // weighs nothing
    const bool click = random.uniform() < (spoilt ? 0.5 : 0.3 * truth + 0.1);
    label.push_back(((click ? 1.0F : 0.0F) - 0.1F) / 0.3F);
    weight.push_back(spoilt ? 0.0F : 2.0F);
  }
  const Platt found = fit_platt(value, label, weight);
  EXPECT_NEAR(found.slope, 0.6, 0.04);
  EXPECT_NEAR(found.shift, -0.8, 0.04);
}

TEST(Platt, StaysAsItIsWhereCorrectedLabelsHaveNoBestFit) {
  const Platt found = fit_platt(std::vector<double>{-1, 1}, std::vector<float>{-3, 4});
  EXPECT_EQ(found.slope, 1);
  EXPECT_EQ(found.shift, 0);
}

}  // namespace
}  // namespace palate
