// What sequences are for: planted labels that a mean of a history's embeddings cannot tell.
#include <cmath>

#include <gtest/gtest.h>

#include "base/check.h"
#include "infer/network_draw.h"
#include "learn/plan_for_test.h"

namespace palate {
namespace {

constexpr uint32_t kItems = 400, kWidth = 8;

enum class Reader : uint8_t { kMean, kAttend, kGru };

// A history of up to 12 ids, one row in eight without any; the label is what `truth` makes of it.
template <class Truth>
Examples planted(uint64_t seed, size_t rows, const Truth& truth) {
  Philox random(seed, 4);
  ExampleColumns columns;
  columns.ids.resize(2);
  columns.labels.resize(1);
  columns.ids[1].start = {0};
  for (size_t i = 0; i < rows; ++i) {
    std::vector<uint32_t> history(random.below(8) == 0 ? 0 : 1 + random.below(12));
    for (uint32_t& id : history) id = 1 + random.below(kItems);
    uint32_t item = 1 + random.below(kItems);
    columns.labels[0].push_back(truth(history, item, random) ? 1.0F : 0.0F);
    columns.ids[0].values.push_back(item);
    auto& ids = columns.ids[1];
    ids.values.insert(ids.values.end(), history.begin(), history.end());
    ids.start.push_back(ids.values.size());
  }
  ExampleSchema schema{.ids = {{"item", kItems + 1, false}, {"history", kItems + 1, true}},
                       .numbers = {},
                       .labels = {"click"}};
  return Examples::from_columns(std::move(schema), std::move(columns)).value();
}

// The item was had before.
Examples had_before(uint64_t seed, size_t rows) {
  return planted(seed, rows, [](auto& history, uint32_t& item, Philox& random) {
    const auto count = static_cast<uint32_t>(history.size());
    if (count > 0 && random.below(2) == 0) item = history[random.below(count)];
    return std::ranges::find(history, item) != history.end();
  });
}

// Of two items that both are in every history, the first one came last.
Examples came_last(uint64_t seed, size_t rows) {
  return planted(seed, rows, [](auto& history, uint32_t&, Philox& random) {
    for (uint32_t& id : history) id = std::max(id, 3U);
    const auto place = [&] {
      return history.begin() + random.below(static_cast<uint32_t>(history.size()) + 1);
    };
    history.insert(place(), 1);
    history.insert(place(), 2);
    return std::ranges::find(history, 1U) > std::ranges::find(history, 2U);
  });
}

TrainableNetwork plan(Reader reader) {
  TrainableNetwork plan;
  const auto add = [&](const Op& op) { return add_op(plan, op); };
  const Pooling pooling = reader == Reader::kMean ? Pooling::kMean : Pooling::kSequence;
  plan.spec.sparse = {{.name = "item", .rows = kItems + 1, .width = kWidth},
                      {.name = "history", .pooling = pooling, .rows = kItems + 1, .width = kWidth}};
  const auto item = add({.kind = OpKind::kEmbed, .width = kWidth});
  const auto asks = add({.kind = OpKind::kLinear, .inputs = {item}, .width = kWidth});
  Op read{.kind = OpKind::kEmbed, .width = kWidth, .field = 1};
  if (reader != Reader::kMean) read.length = 16;
  if (reader == Reader::kGru) read.kind = OpKind::kGru;
  if (reader == Reader::kAttend) read.kind = OpKind::kAttend, read.inputs = {asks}, read.parts = 2;
  const auto history = add(read);
  const auto both = add({.kind = OpKind::kMultiply, .inputs = {item, history}, .width = kWidth});
  const auto all =
      add({.kind = OpKind::kConcat, .inputs = {item, history, both}, .width = 3 * kWidth});
  const auto hidden =
      add({.kind = OpKind::kLinear, .inputs = {all}, .width = 32, .activation = Activation::kRelu});
  const auto out = add({.kind = OpKind::kLinear, .inputs = {hidden}, .width = 1});
  plan.spec.outputs = {{.name = "click", .value = out, .link = Link::kSigmoid}};
  return plan;
}

TrainerOptions options_of(size_t parts) {
  TrainerOptions options;
  options.tasks = {{}};
  options.dense.learning_rate = options.tables.learning_rate = 0.01;
  options.table = {.sigma = 0.3};
  options.parts = parts;
  return options;
}

double auc_of(Reader reader, const Examples& training, const Examples& held_out) {
  ThreadPool pool(2);
  auto trainer = Trainer::create(plan(reader), training.schema(), options_of(2), pool).value();
  FitOptions options;
  options.batches = {.rows = 512, .seed = 3};
  options.epochs = reader == Reader::kGru ? 4 : 6;
  const auto outcome = fit(trainer, {{training}, held_out}, options);
  PALATE_CHECK(outcome.has_value(), "it trains");
  return outcome->held_out.front().auc.value();
}

TEST(SequenceFit, AttentionTellsWhatIsInAHistory) {
  const Examples training = had_before(1, 25000), held_out = had_before(2, 3000);
  const double attended = auc_of(Reader::kAttend, training, held_out);
  const double pooled = auc_of(Reader::kMean, training, held_out);
  EXPECT_GT(attended, 0.95);
  EXPECT_LT(pooled, attended - 0.03);
}

TEST(SequenceFit, AGruTellsWhatCameLast) {
  const Examples training = came_last(1, 6000), held_out = came_last(2, 1500);
  const double recurrent = auc_of(Reader::kGru, training, held_out);
  const double pooled = auc_of(Reader::kMean, training, held_out);
  EXPECT_GT(recurrent, 0.95);
  EXPECT_LT(pooled, 0.6);
}

// A batch has one gradient, however its sequences are cut into parts, down to the tables' rows.
TEST(SequenceFit, PartsAddUpToTheWholeBatch) {
  const Examples examples = had_before(1, 1000);
  for (const Reader reader : {Reader::kAttend, Reader::kGru}) {
    std::vector<std::vector<double>> predictions;
    for (const size_t parts : {1U, 3U}) {
      ThreadPool pool(2);
      auto options = options_of(parts);
      options.tables.rule = Rule::kSgd;
      auto trainer = Trainer::create(plan(reader), examples.schema(), options, pool).value();
      const auto before = trainer.predict(examples).front();
      ExampleBatches batches({examples}, {.rows = 250, .seed = 3}, 0);
      while (const ExampleBatch* batch = batches.next()) trainer.step(*batch, 1);
      predictions.push_back(trainer.predict(examples).front());
      EXPECT_NE(before, predictions.back());
    }
    for (size_t row = 0; row < examples.rows(); ++row) {
      ASSERT_NEAR(predictions[0][row], predictions[1][row], 2e-3);
    }
  }
}

}  // namespace
}  // namespace palate
