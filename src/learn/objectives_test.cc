// Losses, weights between them, calibrations, and the penalty on groups: each against what it
// should do, alone and in training on planted labels.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "infer/network_draw.h"
#include "infer/plain_network.h"
#include "learn/gradient_surgery.h"
#include "learn/isotonic.h"
#include "learn/plan_for_test.h"
#include "learn/platt.h"
#include "math/judgement.h"

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

at::Tensor floats(std::vector<float> values) { return at::tensor(values); }

double loss(const Task& task, std::vector<float> value, std::vector<float> label,
            LabelScale scale = {}) {
  const at::Tensor ones = at::ones({static_cast<int64_t>(value.size())});
  return loss_of(task,
                 {floats(std::move(value)), floats(std::move(label)), ones, floats({1.0F, -1.0F})},
                 scale)
      .item<double>();
}

TEST(Losses, AreWhatTheirFormulasSay) {
  const double likely = std::log1p(std::exp(-2.0)), unlikely = std::log1p(std::exp(2.0));
  EXPECT_NEAR(loss({}, {2, 2}, {1, 0}), likely + unlikely, 1e-5);
  EXPECT_NEAR(loss({.positive_weight = 3}, {2, 2}, {1, 0}), 3 * likely + unlikely, 1e-5);
  EXPECT_NEAR(loss({}, {2, 2}, {1, NAN}), likely, 1e-5);
  const LabelScale scale{10, 4};  // 18 is 2 deviations above
  EXPECT_NEAR(loss({.loss = Loss::kSquared}, {0.5F}, {18}, scale), 1.5 * 1.5, 1e-5);
  EXPECT_NEAR(loss({.loss = Loss::kHuber, .huber = 1}, {0.5F}, {18}, scale), 1.5 - 0.5, 1e-5);
  EXPECT_NEAR(loss({.loss = Loss::kHuber, .huber = 3}, {0.5F}, {18}, scale), 1.125, 1e-5);
  // Level 2 of 3 at 0, thresholds 1 and −1: the first is passed, the second is not.
  EXPECT_NEAR(loss({.loss = Loss::kOrdinal}, {0}, {2}), 2 * std::log1p(std::exp(-1.0)), 1e-5);
  EXPECT_NEAR(loss({.loss = Loss::kOrdinal}, {0}, {1}),
              std::log1p(std::exp(1.0)) + std::log1p(std::exp(-1.0)), 1e-5);
}

TEST(Losses, GroupsThatArePromisedAsMuchCostNothing) {
  const std::vector<uint32_t> group = {1, 1, 2, 2, 0, 3};
  EXPECT_NEAR(gap_penalty(floats({0.2F, 0.4F, 0.1F, 0.5F, 0.9F, 0.3F}), group).item<double>(), 0,
              1e-7);
  // Means of .2, .6 and .4 over 2, 2 and 1 rows: .4 over all.
  const std::vector<float> apart = {0.1F, 0.3F, 0.5F, 0.7F, 0.9F, 0.4F};
  EXPECT_NEAR(gap_penalty(floats(apart), group).item<double>(), 4 * 0.04 / 5, 1e-6);
  const std::vector<double> same(apart.begin(), apart.end());
  EXPECT_NEAR(largest_gap(same, group), 0.4, 1e-6);
  EXPECT_EQ(gap_penalty(floats({0.1F, 0.3F}), std::vector<uint32_t>{1, 0}).item<double>(), 0);
  EXPECT_EQ(largest_gap({}, {}), 0);
}

TEST(GradientSurgery, OnlyWhatConflictsIsTakenAway) {
  EXPECT_THAT(pcgrad_weights(std::vector<double>{1, 0.5, 0.5, 4}, 2, 1), ElementsAre(1, 1));
  // g = (1, 0) and h = (−1, 1): g loses its part along h and is g + ½ h = (½, ½), h its part along
  // g and is h + g = (0, 1).
  const auto weights = pcgrad_weights(std::vector<double>{1, -1, -1, 2}, 2, 1);
  EXPECT_THAT(weights, ElementsAre(2, 1.5));
  EXPECT_THAT(pcgrad_weights(std::vector<double>{0, 0, 0, 1}, 2, 1), ElementsAre(1, 1));
}

// What is left of each gradient no longer points against the other one.
TEST(GradientSurgery, TwoGradientsAreLeftWithoutConflict) {
  Philox random(5);
  for (int round = 0; round < 50; ++round) {
    double g[3], h[3], gg = 0, gh = 0, hh = 0;
    for (int d = 0; d < 3; ++d) {
      g[d] = random.normal(), h[d] = random.normal();
      gg += g[d] * g[d], gh += g[d] * h[d], hh += h[d] * h[d];
    }
    const auto weights = pcgrad_weights(std::vector<double>{gg, gh, gh, hh}, 2, 7);
    const double along_g = weights[0] * gg + weights[1] * gh;
    const double along_h = weights[0] * gh + weights[1] * hh;
    EXPECT_GE(along_g, -1e-9);
    EXPECT_GE(along_h, -1e-9);
  }
}

TEST(Isotonic, NeverFallsAndFollowsWhatHappened) {
  Philox random(3);
  std::vector<double> predicted;
  std::vector<uint8_t> happened;
  const auto truth = [](double p) { return p < 0.5 ? 0.1 : 0.1 + 1.6 * (p - 0.5); };
  for (int i = 0; i < 20000; ++i) {
    predicted.push_back(random.uniform());
    happened.push_back(random.uniform() < truth(predicted.back()) ? 1 : 0);
  }
  const Isotonic line = fit_isotonic(predicted, happened);
  ASSERT_GT(line.at.size(), 5U);
  ASSERT_LE(line.at.size(), 512U);
  const Output output{.name = "p", .at = line.at, .gives = line.gives};
  for (double p = 0.05; p < 1; p += 0.05) {
    EXPECT_NEAR(plain::promised(output, p), truth(p), 0.06) << p;
  }
  for (size_t i = 1; i < line.at.size(); ++i) {
    EXPECT_LT(line.at[i - 1], line.at[i]);
    EXPECT_LE(line.gives[i - 1], line.gives[i]);
  }
  EXPECT_GT(line.gives.front(), 0);
  EXPECT_LT(line.gives.back(), 1);
}

TEST(Isotonic, TiesAndFewExamplesAreFine) {
  EXPECT_TRUE(fit_isotonic({}, {}).at.empty());
  const Isotonic one = fit_isotonic(std::vector<double>(9, 0.3), std::vector<uint8_t>(9, 1));
  EXPECT_THAT(one.at, ElementsAre(0.3F));
  EXPECT_THAT(one.gives, ElementsAre(::testing::FloatNear(1 - 1.0F / 110, 1e-5F)));
  const Isotonic falls = fit_isotonic(std::vector<double>{0.1, 0.9}, std::vector<uint8_t>{1, 0});
  EXPECT_THAT(falls.gives, ElementsAre(0.5F));
}

TEST(Temperature, FindsTheSlope) {
  Philox random(4);
  for (const double slope : {0.25, 1.0, 3.0}) {
    std::vector<double> value;
    std::vector<uint8_t> happened;
    for (int i = 0; i < 40000; ++i) {
      value.push_back(random.normal());
      happened.push_back(random.uniform() < 1 / (1 + std::exp(-slope * value.back())) ? 1 : 0);
    }
    EXPECT_NEAR(fit_temperature(value, happened), slope, 0.06 * (1 + slope));
  }
  EXPECT_EQ(fit_temperature(std::vector<double>{1, 2}, std::vector<uint8_t>{1, 1}), 1);
}

// An item's and a user's trait make a taste; labels are a click, seconds, stars and noise out of
// it. Users are of two groups, and the first group's clicks are more probable.
Examples planted(uint64_t seed, size_t rows) {
  constexpr uint32_t kUsers = 30, kItems = 30;
  const auto trait = [](uint32_t who) { return Philox(99, who).normal(); };
  Philox random(seed, 8);
  ExampleColumns columns;
  columns.ids.resize(3);
  columns.labels.resize(3);
  for (size_t i = 0; i < rows; ++i) {
    const uint32_t user = random.below(kUsers), item = random.below(kItems), group = user % 2;
    const double taste = trait(user) + trait(100 + item) + (group == 0 ? 0.7 : -0.7);
    columns.ids[0].values.push_back(user + 1);
    columns.ids[1].values.push_back(item + 1);
    columns.ids[2].values.push_back(group + 1);
    columns.labels[0].push_back(random.uniform() < 1 / (1 + std::exp(-taste)) ? 1.0F : 0.0F);
    columns.labels[1].push_back(
        i % 9 == 0 ? NAN : static_cast<float>(300 + 80 * taste + 40 * random.normal()));
    const double stars = 3 + taste + 0.5 * random.normal();
    columns.labels[2].push_back(static_cast<float>(std::clamp(std::round(stars), 1.0, 5.0)));
  }
  ExampleSchema schema{
      .ids = {{"user", kUsers + 1, false}, {"item", kItems + 1, false}, {"group", 3, false}},
      .numbers = {},
      .labels = {"click", "watch_s", "stars"}};
  return Examples::from_columns(std::move(schema), std::move(columns)).value();
}

const std::vector<Output> kOutputs = {
    {.name = "click", .link = Link::kSigmoid},
    {.name = "watch_s"},
    {.name = "stars", .link = Link::kOrdinal, .thresholds = {1.4F, 0.4F, -0.4F, -1.4F}}};

TrainableNetwork plan(const std::vector<Output>& outputs) {
  TrainableNetwork plan;
  const auto add = [&](const Op& op) { return add_op(plan, op); };
  plan.spec.sparse = {{.name = "user", .rows = 31, .width = 6},
                      {.name = "item", .rows = 31, .width = 6}};
  const auto user = add({.kind = OpKind::kEmbed, .width = 6, .field = 0});
  const auto item = add({.kind = OpKind::kEmbed, .width = 6, .field = 1});
  const auto all = add({.kind = OpKind::kConcat, .inputs = {user, item}, .width = 12});
  const auto hidden =
      add({.kind = OpKind::kLinear, .inputs = {all}, .width = 24, .activation = Activation::kRelu});
  for (Output output : outputs) {
    output.value = add({.kind = OpKind::kLinear, .inputs = {hidden}, .width = 1});
    plan.spec.outputs.push_back(std::move(output));
  }
  return plan;
}

TrainerOptions trainer_options(size_t tasks) {
  TrainerOptions options;
  options.tasks.resize(tasks);
  options.dense.learning_rate = options.tables.learning_rate = 0.01;
  options.table = {.sigma = 0.1, .average = 0.9};
  options.parts = 2;
  return options;
}

struct Fitted {
  ThreadPool pool{2};
  Result<Trainer> trainer;
  FitOutcome outcome;
  Fitted(const std::vector<Output>& outputs, const TrainerOptions& options, const FitOptions& with)
      : trainer(Trainer::create(plan(outputs), planted(1, 1).schema(), options, pool)) {
    PALATE_CHECK(trainer.has_value(), "it fits the examples");
    const Examples training = planted(1, 8000);
    trainer->learn_scales(std::span(&training, 1));
    auto done = fit(*trainer, {{training}, planted(2, 3000)}, with);
    PALATE_CHECK(done.has_value(), "it trains");
    outcome = std::move(*done);
  }
};

// Of the labels that are known.
double mean_of(std::span<const float> labels) {
  double sum = 0, count = 0;
  for (const float label : labels) {
    if (std::isfinite(label)) sum += label, ++count;
  }
  return sum / count;
}

TrainerOptions all_tasks() {
  TrainerOptions options = trainer_options(3);
  options.tasks[1].loss = Loss::kSquared;
  options.tasks[2].loss = Loss::kOrdinal;
  return options;
}

// A probability, seconds and stars out of one network, each in its own unit, whatever balances
// them.
TEST(Objectives, OfEveryKindAreLearntTogether) {
  for (const Balance balance : {Balance::kFixed, Balance::kUncertainty, Balance::kPcgrad}) {
    SCOPED_TRACE(static_cast<int>(balance));
    TrainerOptions options = all_tasks();
    options.balance = balance;
    const Fitted fitted(kOutputs, options, fit_options_for_test());
    const auto& held_out = fitted.outcome.held_out;
    EXPECT_GT(held_out[0].auc.value(), 0.77);
    EXPECT_LT(held_out[1].rmse.value(), 50);  // the truth itself is 40 off
    EXPECT_LT(held_out[2].rmse.value(), 0.65);
    const std::vector<Output>& outputs = fitted.outcome.outputs;
    EXPECT_NEAR(outputs[1].shift, mean_of(planted(1, 8000).label(1)), 1e-2);
    EXPECT_GT(outputs[1].slope, 80);
    EXPECT_NE(outputs[2].thresholds, kOutputs[2].thresholds);
    EXPECT_TRUE(std::ranges::is_sorted(outputs[2].thresholds, std::ranges::greater()));
  }
}

TEST(Objectives, LearntWeightsFollowHowNoisyALabelIs) {
  TrainerOptions options = all_tasks();
  options.balance = Balance::kUncertainty;
  const Fitted fitted(kOutputs, options, fit_options_for_test());
  const at::Tensor log_variances = const_cast<Trainer&>(*fitted.trainer).network().log_variances();
  // Seconds are told nearly exactly; stars are four cross-entropies that add up.
  EXPECT_LT(log_variances[1].item<double>(), log_variances[0].item<double>());
  EXPECT_LT(log_variances[0].item<double>(), log_variances[2].item<double>());
}

// Two labels that pull a shared layer apart: without surgery a step of the one is against the
// other.
TEST(Objectives, SurgeryIsTheSameBitsOnAnyNumberOfThreads) {
  TrainerOptions options = all_tasks();
  options.balance = Balance::kPcgrad;
  std::vector<std::vector<std::vector<double>>> predictions;
  const Examples examples = planted(1, 1000);
  for (const size_t threads : {1U, 2U}) {
    ThreadPool pool(threads);
    auto trainer = Trainer::create(plan(kOutputs), examples.schema(), options, pool).value();
    ExampleBatches batches({examples}, {.rows = 250, .seed = 3}, 0);
    while (const ExampleBatch* batch = batches.next()) trainer.step(*batch, 1);
    predictions.push_back(trainer.predict(examples));
  }
  EXPECT_EQ(predictions[0], predictions[1]);
}

// A positive that counts five times lifts what is said, and calibration brings it back.
TEST(Objectives, PositiveWeightsLiftWhatIsSaid) {
  double means[2] = {};
  for (const double weight : {1.0, 5.0}) {
    TrainerOptions options = trainer_options(1);
    options.tasks[0].positive_weight = weight;
    FitOptions with = fit_options_for_test(4);
    with.calibration = Calibration::kNone;
    const Fitted fitted({kOutputs[0]}, options, with);
    const auto values = fitted.trainer->predict(planted(2, 2000)).front();
    for (const double value : values) means[weight > 1 ? 1 : 0] += value / 2000;
  }
  EXPECT_NEAR(means[1] - means[0], std::log(5.0), 0.5);
}

// Every calibration leaves the held-out loss no worse than none, where positives count too much.
TEST(Objectives, EveryCalibrationMakesUpForWhatWasWeighed) {
  std::vector<double> losses;
  for (const auto calibration : {Calibration::kNone, Calibration::kTemperature, Calibration::kPlatt,
                                 Calibration::kIsotonic}) {
    TrainerOptions options = trainer_options(1);
    options.tasks[0].positive_weight = 5;
    FitOptions with = fit_options_for_test(3);
    with.calibration = calibration;
    const Fitted fitted({kOutputs[0]}, options, with);
    losses.push_back(fitted.outcome.held_out[0].loss);
    EXPECT_EQ(fitted.outcome.outputs[0].at.empty(), calibration != Calibration::kIsotonic);
    EXPECT_EQ(fitted.outcome.outputs[0].shift != 0, calibration == Calibration::kPlatt);
    EXPECT_EQ(fitted.outcome.outputs[0].slope != 1,
              calibration == Calibration::kPlatt || calibration == Calibration::kTemperature);
  }
  EXPECT_LT(losses[1], losses[0]);
  EXPECT_LT(losses[2], losses[1] - 0.01);
  EXPECT_LT(losses[3], losses[2] + 0.01);
}

// Groups differ in what they click. The penalty brings what they are promised together, and costs
// accuracy.
TEST(Objectives, AGroupPenaltyBringsGroupsTogether) {
  OutputQuality quality[2];
  for (const double weight : {1e-9, 20.0}) {
    TrainerOptions options = trainer_options(1);
    options.groups = {.column = "group", .weight = weight};
    const Fitted fitted({kOutputs[0]}, options, fit_options_for_test());
    quality[weight > 1 ? 1 : 0] = fitted.outcome.held_out[0];
  }
  EXPECT_GT(quality[0].gap.value(), 0.15);
  EXPECT_LT(quality[1].gap.value(), quality[0].gap.value() / 3);
  EXPECT_LT(quality[1].auc.value(), quality[0].auc.value());
  EXPECT_GT(quality[1].auc.value(), 0.65);
}

TEST(Objectives, WhatDoesNotFitIsRefused) {
  ThreadPool pool(1);
  const auto message = [&](const auto& spoil) {
    TrainerOptions options = all_tasks();
    spoil(options);
    const auto made = Trainer::create(plan(kOutputs), planted(1, 1).schema(), options, pool);
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(message([](auto&) {}), "");
  EXPECT_THAT(message([](auto& options) { options.groups = {"sex", 1}; }), HasSubstr("'sex'"));
  EXPECT_THAT(message([](auto& options) { options.tasks[2].loss = Loss::kBinary; }),
              HasSubstr("'stars' is ordinal"));
}

}  // namespace
}  // namespace palate
