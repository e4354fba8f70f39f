#include <cmath>
#include <filesystem>
#include <limits>
#include <unistd.h>

#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "learn/plan_for_test.h"
#include "math/philox.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

// A click happens with the probability sigmoid(⟨u, v⟩ + number): users and items have three hidden
// traits each, so nothing but pairs of fields tells.
Examples planted(uint64_t seed, size_t rows, bool hopeless = false) {
  constexpr uint32_t kUsers = 40, kItems = 30, kTraits = 3;
  const auto trait = [](uint32_t who, uint32_t which) {
    Philox random(99, who * kTraits + which);
    return 1.5 * random.normal();
  };
  Philox random(seed);
  ExampleSchema schema{.ids = {{"user", kUsers + 1, false}, {"item", kItems + 1, false}},
                       .numbers = {{"mood", 1}},
                       .labels = {"click"}};
  ExampleColumns columns;
  columns.ids.resize(2);
  columns.numbers.resize(1);
  columns.labels.resize(1);
  for (size_t i = 0; i < rows; ++i) {
    const uint32_t user = random.below(kUsers), item = random.below(kItems);
    const double mood = random.normal();
    double value = mood;
    for (uint32_t t = 0; t < kTraits; ++t) value += trait(user, t) * trait(1000 + item, t);
    columns.ids[0].values.push_back(user + 1);
    columns.ids[1].values.push_back(item + 1);
    columns.numbers[0].push_back(i % 50 == 0 ? std::nanf("") : static_cast<float>(100 + 10 * mood));
    const bool click = random.uniform() < (hopeless ? 0.5 : 1 / (1 + std::exp(-value)));
    columns.labels[0].push_back(click ? 1.0F : 0.0F);
  }
  return Examples::from_columns(std::move(schema), std::move(columns)).value();
}

TrainableNetwork plan() {
  TrainableNetwork plan;
  const auto add = [&](const Op& op, OpTraining training = {}) {
    return add_op(plan, op, training);
  };
  plan.spec.sparse = {{.name = "user", .rows = 41, .width = 8},
                      {.name = "item", .rows = 31, .width = 8}};
  plan.spec.dense = {{.name = "mood", .width = 1}};
  const auto user = add({.kind = OpKind::kEmbed, .width = 8, .field = 0});
  const auto item = add({.kind = OpKind::kEmbed, .width = 8, .field = 1});
  const auto mood = add({.kind = OpKind::kDense, .width = 1, .field = 0});
  const auto pairs = add({.kind = OpKind::kMultiply, .inputs = {user, item}, .width = 8});
  const auto all = add({.kind = OpKind::kConcat, .inputs = {user, item, pairs, mood}, .width = 25});
  const auto hidden =
      add({.kind = OpKind::kLinear, .inputs = {all}, .width = 32, .activation = Activation::kRelu},
          {.batch_norm = true, .dropout = 0.1F});
  const auto out = add({.kind = OpKind::kLinear, .inputs = {hidden}, .width = 1});
  plan.spec.outputs = {{.name = "click", .value = out, .link = Link::kSigmoid}};
  return plan;
}

TrainerOptions trainer_options() {
  TrainerOptions options;
  options.tasks = {{}};
  options.dense.learning_rate = options.tables.learning_rate = 0.01;
  options.table = {.sigma = 0.1, .average = 0.9};
  options.seed = 3;
  return options;
}

struct Fitted {
  ThreadPool pool;
  Result<Trainer> trainer;
  Result<FitOutcome> outcome = std::unexpected(Error{});
  explicit Fitted(const TrainerOptions& options = trainer_options(), size_t threads = 1)
      : pool(threads), trainer(Trainer::create(plan(), planted(1, 1).schema(), options, pool)) {
    PALATE_CHECK(trainer.has_value(), trainer.error().message.c_str());
  }
  Fitted& run(const Examples& training, const Examples& held_out, const FitOptions& options) {
    trainer->learn_scales(std::span(&training, 1));
    outcome = fit(*trainer, {{training}, held_out}, options);
    return *this;
  }
};

TEST(Fit, FindsWhatWasPlanted) {
  Fitted fitted;
  fitted.run(planted(1, 20000), planted(2, 4000), fit_options_for_test());
  ASSERT_TRUE(fitted.outcome) << fitted.outcome.error().message;
  const OutputQuality& quality = fitted.outcome->held_out.front();
  EXPECT_GT(quality.auc.value(), 0.9);  // the truth itself has .93
  EXPECT_LT(quality.loss, 0.4);
  const auto predicted = fitted.trainer->predict(planted(2, 500));
  for (const double value : predicted.front()) EXPECT_TRUE(std::isfinite(value));
}

// The same held-out quality as fp32 has, by other numbers; and what is predicted is in fp32.
TEST(Fit, MixedPrecisionFindsWhatWasPlanted) {
  TrainerOptions mixed = trainer_options();
  mixed.bf16 = true;
  Fitted whole, half(mixed);
  for (Fitted* one : {&whole, &half}) {
    one->run(planted(1, 20000), planted(2, 4000), fit_options_for_test());
    ASSERT_TRUE(one->outcome) << one->outcome.error().message;
  }
  const OutputQuality &exact = whole.outcome->held_out.front(),
                      &got = half.outcome->held_out.front();
  EXPECT_NEAR(got.auc.value(), exact.auc.value(), 0.003);
  EXPECT_NEAR(got.loss, exact.loss, 0.006);
  EXPECT_NE(got.loss, exact.loss) << "this was not bf16";
  half.trainer->network().use_bf16(false);
  EXPECT_EQ(half.trainer->predict(planted(3, 50)), [&] {
    half.trainer->network().use_bf16(true);
    return half.trainer->predict(planted(3, 50));
  }());
}

// Of what would be clicked, places from 1 on show a share alone. Labels c / theta are right on
// average, though 4 or 0 each: what is learnt from them is calibrated for the first place.
TEST(Fit, LearnsCorrectedLabelsForWhatTheyAreOnAverage) {
  const auto seen = [](uint64_t seed, size_t rows, bool corrected) {
    const Examples all = planted(seed, rows);
    Philox random(seed + 100);
    ExampleColumns columns{.ids = {{}, {}}, .numbers = {{}}, .labels = {{}}, .weights = {}};
    for (size_t row = 0; row < all.rows(); ++row) {
      const double theta = row % 2 == 0 ? 1 : 0.25;
      const bool click = all.label(0)[row] > 0.5F && random.uniform() < theta;
      for (size_t f = 0; f < 2; ++f) columns.ids[f].values.push_back(all.ids(f, row)[0]);
      columns.numbers[0].push_back(all.numbers(0, row)[0]);
      const double label = corrected ? 1 / theta : 1;
      columns.labels[0].push_back(click ? static_cast<float>(label) : 0.0F);
    }
    return Examples::from_columns(all.schema(), std::move(columns)).value();
  };
  const Examples truth = planted(2, 4000);
  const auto calibration_error_of = [&](bool corrected) {
    Fitted fitted;
    fitted.run(seen(1, 40000, corrected), seen(2, 8000, corrected), fit_options_for_test());
    PALATE_CHECK(fitted.outcome.has_value(), "it trains");
    const auto& output = fitted.outcome->outputs.front();
    const std::vector<double> values = fitted.trainer->predict(truth).front();
    double off = 0;
    for (size_t row = 0; row < truth.rows(); ++row) {
      const double value = double(output.slope) * values[row] + double(output.shift);
      off += (1 / (1 + std::exp(-value)) - double(truth.label(0)[row])) / double(truth.rows());
    }
    return std::abs(off);
  };
  EXPECT_LT(calibration_error_of(true), 0.03);
  EXPECT_GT(calibration_error_of(false), 0.1);
}

// Rows that weigh nothing decide nothing on the held-out either.
TEST(Fit, HeldOutRowsCountByTheirWeights) {
  const auto weighted = [](float of_others) {
    const Examples good = planted(2, 1000), bad = planted(3, 1000, true);
    ExampleColumns columns{.ids = {{}, {}}, .numbers = {{}}, .labels = {{}}, .weights = {}};
    for (const Examples* part : {&good, &bad}) {
      for (size_t row = 0; row < part->rows(); ++row) {
        for (size_t f = 0; f < 2; ++f) columns.ids[f].values.push_back(part->ids(f, row)[0]);
        columns.numbers[0].push_back(part->numbers(0, row)[0]);
        columns.labels[0].push_back(part->label(0)[row]);
        columns.weights.push_back(part == &good ? 1.0F : of_others);
      }
    }
    return Examples::from_columns(good.schema(), std::move(columns)).value();
  };
  const Examples training = planted(1, 6000);
  Fitted alone, without, with;
  alone.run(training, planted(2, 1000), fit_options_for_test(3));
  without.run(training, weighted(0), fit_options_for_test(3));
  with.run(training, weighted(1), fit_options_for_test(3));
  EXPECT_NEAR(without.outcome->held_out[0].loss, alone.outcome->held_out[0].loss, 1e-3);
  EXPECT_GT(with.outcome->held_out[0].loss, alone.outcome->held_out[0].loss + 0.05);
}

// What it foresees right after is what the other one did; other data then move it.
TEST(Trainer, GoesOnFromAWrittenNetwork) {
  const Examples training = planted(1, 6000), held_out = planted(2, 1000);
  Fitted first;
  first.run(training, held_out, fit_options_for_test(3));
  const Path path =
      std::filesystem::temp_directory_path() / fmt::format("palate-start-{}", getpid());
  std::filesystem::remove_all(path);
  const auto write = [&](const NetworkSpec& spec) {
    std::filesystem::remove_all(path);
    auto out = ArtefactWriter::create(path).value();
    out.manifest.kind = "network";
    out.manifest.details_json = R"({"network":)" + spec.to_json() + "}";
    first.trainer->write(out);
    PALATE_CHECK(out.commit().has_value(), "it is written");
    return Artefact::open(path).value();
  };
  TrainerOptions other = trainer_options();
  other.seed = 99;
  Fitted next(other), refused(other);
  const auto started = next.trainer->start_from(*write(first.trainer->spec()));
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(next.trainer->predict(held_out), first.trainer->predict(held_out));
  next.outcome = fit(*next.trainer, {{planted(5, 1000)}, held_out}, fit_options_for_test(1));
  ASSERT_TRUE(next.outcome);
  EXPECT_NE(next.trainer->predict(held_out), first.trainer->predict(held_out));
  EXPECT_LT(next.outcome->held_out[0].loss, first.outcome->held_out[0].loss + 0.03);
  NetworkSpec wider = first.trainer->spec();
  for (const size_t i : {0U, 1U}) wider.sparse[i].width = wider.ops[i].width = 9;
  wider.ops[3].width = 9;
  wider.ops[4].width = 3 * 9 + 1;
  const auto error = refused.trainer->start_from(*write(wider));
  EXPECT_EQ(error.error().code, Code::kConflict);
  EXPECT_THAT(error.error().message, HasSubstr("'user' is 8 wide, and was 9"));
  NetworkSpec fewer = first.trainer->spec();
  fewer.ops[3].inputs = {0, 1, 2};
  EXPECT_EQ(refused.trainer->start_from(*write(fewer)).error().code, Code::kCorrupt)
      << "the spec does not hold together";
  std::filesystem::remove_all(path);
}

TEST(Fit, OneSeedGivesOneNetwork) {
  Fitted first, again;
  const Examples training = planted(1, 3000), held_out = planted(2, 1000);
  first.run(training, held_out, fit_options_for_test(2));
  again.run(training, held_out, fit_options_for_test(2));
  EXPECT_EQ(first.trainer->predict(held_out), again.trainer->predict(held_out));
}

TEST(Fit, PartsOfABatchAreTheSameOnAnyNumberOfThreads) {
  TrainerOptions options = trainer_options();
  options.parts = 3;
  Fitted one(options, 1), two(options, 2), whole;
  const Examples training = planted(1, 3001), held_out = planted(2, 1000);
  for (Fitted* each : {&one, &two, &whole}) each->run(training, held_out, fit_options_for_test(3));
  EXPECT_EQ(one.trainer->predict(held_out), two.trainer->predict(held_out));
  EXPECT_NE(one.trainer->predict(held_out),
            whole.trainer->predict(held_out));  // smaller batch norms
  EXPECT_NEAR(*one.outcome->held_out[0].auc, *whole.outcome->held_out[0].auc, 0.02);
}

// Without batch norms and dropout a batch has one gradient, however it is cut.
TEST(Trainer, PartsAddUpToTheWholeBatch) {
  const Examples examples = planted(1, 1000);
  std::vector<std::vector<std::vector<double>>> predictions;
  for (const size_t parts : {1U, 4U}) {
    ThreadPool pool(2);
    TrainableNetwork network = plan();
    for (OpTraining& training : network.training) training = {};
    TrainerOptions options = trainer_options();
    options.parts = parts;
    auto trainer = Trainer::create(network, examples.schema(), options, pool).value();
    ExampleBatches batches({examples}, {.rows = 250, .seed = 3}, 0);
    while (const ExampleBatch* batch = batches.next()) trainer.step(*batch, 1);
    predictions.push_back(trainer.predict(examples));
  }
  for (size_t row = 0; row < examples.rows(); ++row) {
    ASSERT_NEAR(predictions[0][0][row], predictions[1][0][row], 2e-3);
  }
}

TEST(Fit, StopsWhereNothingGetsBetterAndGoesBackToTheBest) {
  Fitted fitted;
  const Examples held_out = planted(2, 2000, true);
  fitted.run(planted(1, 4000, true), held_out, fit_options_for_test(100));
  ASSERT_TRUE(fitted.outcome);
  const FitOutcome& outcome = *fitted.outcome;
  ASSERT_LT(outcome.epochs.size(), 100U);
  EXPECT_EQ(outcome.epochs.size(), static_cast<size_t>(outcome.best_epoch) + 1 + 3);
  for (const EpochReport& epoch : outcome.epochs) {
    EXPECT_GE(epoch.held_out[0].loss,
              outcome.epochs[static_cast<size_t>(outcome.best_epoch)].held_out[0].loss);
  }
  EXPECT_LT(outcome.held_out[0].loss, 0.70);  // ln 2: calibrated, it claims nothing
}

TEST(Fit, DivergenceIsToldAndSpoilsNothing) {
  TrainerOptions options = trainer_options();
  options.dense.rule = options.tables.rule = Rule::kSgd;
  options.dense.learning_rate = options.tables.learning_rate = 1e6;
  Fitted fitted(options);
  fitted.run(planted(1, 4000), planted(2, 500), fit_options_for_test());
  ASSERT_FALSE(fitted.outcome);
  EXPECT_THAT(fitted.outcome.error().message, HasSubstr("diverged"));
}

// Spoilt after its first epoch: that one's network is what is left.
TEST(Fit, WhatWasGoodBeforeItDivergedIsKept) {
  Fitted fitted;
  const Examples training = planted(1, 4000), held_out = planted(2, 500);
  const auto spoilt = [&](const EpochReport&) {
    const c10::NoGradGuard no_gradients;
    fitted.trainer->network().parameters().flat().fill_(std::nanf(""));
  };
  fitted.trainer->learn_scales(std::span(&training, 1));
  fitted.outcome =
      fit(*fitted.trainer, {{training}, held_out}, fit_options_for_test(), {.epoch = spoilt});
  ASSERT_TRUE(fitted.outcome) << fitted.outcome.error().message;
  EXPECT_TRUE(fitted.outcome->diverged);
  EXPECT_EQ(fitted.outcome->best_epoch, 0);
  EXPECT_TRUE(std::isfinite(fitted.outcome->held_out[0].loss));
}

TEST(Fit, LabelsThatNobodyKnowsAreLeftOut) {
  ExampleColumns columns{.ids = {{{1, 2, 3, 4}, {}}, {{1, 2, 3, 4}, {}}},
                         .numbers = {{0, 0, 0, 0}},
                         .labels = {{1, std::nanf(""), 0, std::nanf("")}},
                         .weights = {}};
  const ExampleSchema schema = planted(1, 1).schema();
  const auto some = Examples::from_columns(schema, columns).value();
  columns.labels = {{std::nanf(""), std::nanf(""), std::nanf(""), std::nanf("")}};
  const auto none = Examples::from_columns(schema, columns).value();
  Fitted fitted;
  fitted.run(some, some, fit_options_for_test(2));
  ASSERT_TRUE(fitted.outcome);
  EXPECT_TRUE(std::isfinite(fitted.outcome->held_out[0].loss));
  Fitted other;
  other.run(some, none, fit_options_for_test(2));
  ASSERT_FALSE(other.outcome);
  EXPECT_THAT(other.outcome.error().message, HasSubstr("'click'"));
}

TEST(Fit, RunsWithOneClassAlone) {
  ExampleColumns columns{
      .ids = {{{1, 2}, {}}, {{1, 2}, {}}}, .numbers = {{0, 1}}, .labels = {{0, 0}}, .weights = {}};
  const auto negatives = Examples::from_columns(planted(1, 1).schema(), columns).value();
  Fitted fitted;
  fitted.run(negatives, negatives, fit_options_for_test(2));
  ASSERT_TRUE(fitted.outcome);
  EXPECT_FALSE(fitted.outcome->held_out[0].auc);
}

// Killed after two epochs and started again: the same bits as in one go.
TEST(Fit, GoesOnFromACheckpointToTheSameBits) {
  const Path place =
      std::filesystem::temp_directory_path() / fmt::format("palate-fit-{}", getpid());
  std::filesystem::remove_all(place);
  const Examples training = planted(1, 3000), held_out = planted(2, 1000);
  FitOptions options = fit_options_for_test(5);
  Fitted whole, killed, resumed;
  whole.run(training, held_out, options);
  ASSERT_TRUE(whole.outcome);
  options.checkpoint = place;
  std::stop_source stop;
  killed.trainer->learn_scales(std::span(&training, 1));
  const auto after_two = [&](const EpochReport& report) {
    if (report.epoch == 1) stop.request_stop();
  };
  const auto end =
      fit(*killed.trainer, {{training}, held_out}, options, {after_two, stop.get_token()});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::kCancelled);
  resumed.run(training, held_out, options);
  ASSERT_TRUE(resumed.outcome) << resumed.outcome.error().message;
  ASSERT_EQ(resumed.outcome->epochs.size(), whole.outcome->epochs.size());
  EXPECT_EQ(resumed.outcome->best_epoch, whole.outcome->best_epoch);
  EXPECT_EQ(resumed.trainer->predict(held_out), whole.trainer->predict(held_out));
  TrainerOptions other = trainer_options();
  other.seed = 4;
  Fitted stranger(other);
  stranger.run(training, held_out, options);
  ASSERT_FALSE(stranger.outcome);
  EXPECT_THAT(stranger.outcome.error().message, HasSubstr("another network or seed"));
  std::filesystem::remove_all(place);
}

TEST(Trainer, AGradientIsNoLongerThanAsked) {
  ThreadPool pool(1);
  const Examples examples = planted(1, 256);
  for (const double clip : {0.0, 1e-3}) {
    TrainerOptions options = trainer_options();
    options.dense = {.rule = Rule::kSgd, .learning_rate = 1};
    options.clip_norm = clip;
    auto trainer = Trainer::create(plan(), examples.schema(), options, pool).value();
    const at::Tensor before = trainer.network().parameters().flat().clone();
    ExampleBatches batches({examples}, {.rows = 256}, 0);
    trainer.step(*batches.next(), 1);
    const double moved = (trainer.network().parameters().flat() - before).norm().item<double>();
    EXPECT_TRUE(clip > 0 ? std::abs(moved - clip) < 1e-5 : moved > 1e-2) << moved;
  }
}

TEST(Trainer, SaysWhatTheExamplesLack) {
  ThreadPool pool(1);
  ExampleSchema schema = planted(1, 1).schema();
  const auto message = [&](const ExampleSchema& with) {
    const auto made = Trainer::create(plan(), with, trainer_options(), pool);
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(message(schema), "");
  ExampleSchema other = schema;
  other.ids[1].name = "thing";
  EXPECT_THAT(message(other), HasSubstr("'item'"));
  other = schema;
  other.ids[0].vocabulary = 42;
  EXPECT_THAT(message(other), HasSubstr("'user'"));
  other = schema;
  other.ids[0].many = true;
  EXPECT_THAT(message(other), HasSubstr("'user'"));
  other = schema;
  other.numbers[0].width = 2;
  EXPECT_THAT(message(other), HasSubstr("'mood'"));
  other = schema;
  other.labels = {"like"};
  EXPECT_THAT(message(other), HasSubstr("'click'"));
}

TEST(Schedule, RisesAndFallsAlongACosine) {
  const Schedule schedule{.warmup_steps = 10, .total_steps = 110, .floor = 0.1};
  EXPECT_DOUBLE_EQ(schedule.rate(5), 0.5);
  EXPECT_DOUBLE_EQ(schedule.rate(10), 1);
  EXPECT_NEAR(schedule.rate(60), 0.55, 1e-12);
  EXPECT_NEAR(schedule.rate(110), 0.1, 1e-12);
  EXPECT_NEAR(schedule.rate(1000), 0.1, 1e-12);
  EXPECT_DOUBLE_EQ((Schedule{}.rate(1)), 1);
}

}  // namespace
}  // namespace palate
