// What rows for rare ids are for: an outcome that depends on ids of which none is frequent.
#include <cmath>

#include <gtest/gtest.h>

#include "base/check.h"
#include "dataset/example_rows.h"
#include "learn/plan_for_test.h"
#include "math/philox.h"

namespace palate {
namespace {

constexpr uint32_t kItems = 1500, kWidth = 8, kNarrowWidth = 2;

// Every item has a taste of its own that says how probable a click is; one row in ten is of one of
// five frequent items, the others have some 20 rows each.
Examples planted(uint64_t seed, size_t rows) {
  Philox random(seed, 7);
  ExampleColumns columns;
  columns.ids.resize(1);
  columns.labels.resize(1);
  for (size_t i = 0; i < rows; ++i) {
    const uint32_t item = random.below(10) == 0 ? random.below(5) : random.below(kItems);
    const double taste = 3 * Philox(99, item).normal();
    columns.ids[0].values.push_back(item + 1);
    columns.labels[0].push_back(random.uniform() < 1 / (1 + std::exp(-taste)) ? 1.0F : 0.0F);
  }
  ExampleSchema schema{.ids = {{"item", kItems + 1}}, .numbers = {}, .labels = {"click"}};
  return Examples::from_columns(std::move(schema), std::move(columns)).value();
}

TrainableNetwork plan(const ExampleSchema& schema) {
  TrainableNetwork plan;
  const auto add = [&](const Op& op) { return add_op(plan, op); };
  const IdColumn& item = schema.ids[0];
  plan.spec.sparse = {{.name = "item",
                       .pooling = item.sum ? Pooling::kSum : Pooling::kOne,
                       .rows = item.vocabulary,
                       .width = kWidth}};
  auto read = add({.kind = OpKind::kEmbed, .width = kWidth});
  if (schema.ids.size() > 1) {
    plan.spec.sparse.push_back(
        {.name = "item.narrow", .rows = schema.ids[1].vocabulary, .width = kNarrowWidth});
    const auto narrow = add({.kind = OpKind::kEmbed, .width = kNarrowWidth, .field = 1});
    const auto up = add({.kind = OpKind::kLinear, .inputs = {narrow}, .width = kWidth});
    read = add({.kind = OpKind::kAdd, .inputs = {read, up}, .width = kWidth});
  }
  const auto hidden = add(
      {.kind = OpKind::kLinear, .inputs = {read}, .width = 16, .activation = Activation::kRelu});
  const auto out = add({.kind = OpKind::kLinear, .inputs = {hidden}, .width = 1});
  plan.spec.outputs = {{.name = "click", .value = out, .link = Link::kSigmoid}};
  return plan;
}

// Of the held-out examples, and the rows that it took.
struct Outcome {
  double auc = 0;
  uint64_t floats = 0;
};
Outcome outcome_of(const Admission& admission) {
  const Examples training = planted(1, 30000), held_out = planted(2, 6000);
  const ExampleRows rows(training.schema(), column_uses({training}), admission);
  const FitData data{{rows.again(training).value()}, rows.again(held_out).value()};
  TrainerOptions options;
  options.tasks = {{}};
  options.dense.learning_rate = options.tables.learning_rate = 0.01;
  options.table = {.sigma = 0.1};
  ThreadPool pool(1);
  const TrainableNetwork network = plan(rows.schema());
  auto trainer = Trainer::create(network, rows.schema(), options, pool);
  PALATE_CHECK(trainer.has_value(), trainer.error().message.c_str());
  FitOptions fitting = fit_options_for_test(6);
  const auto fitted = fit(*trainer, data, fitting);
  PALATE_CHECK(fitted.has_value(), fitted.error().message.c_str());
  Outcome outcome{.auc = fitted->held_out[0].auc.value()};
  for (const SparseField& field : network.spec.sparse) {
    outcome.floats += uint64_t{field.rows} * field.width;
  }
  return outcome;
}

TEST(RareIds, SharedRowsTellMoreThanOneForAllAndLessThanTheirOwn) {
  const uint32_t rows = kItems / 3;
  const auto of = [&](RareIds kind) {
    return outcome_of({.least = 200, .rare = kind, .rare_rows = rows, .narrow_least = 2});
  };
  const Outcome own = outcome_of({}), shared = of(RareIds::kShared), hashed = of(RareIds::kHashed),
                composed = of(RareIds::kQuotientRemainder), narrow = of(RareIds::kNarrow);
  EXPECT_GT(own.auc, 0.8);
  EXPECT_LT(shared.auc, 0.6);
  EXPECT_GT(hashed.auc, shared.auc + 0.1);
  EXPECT_GT(composed.auc, shared.auc + 0.1);
  EXPECT_GT(narrow.auc, hashed.auc + 0.02) << "no two ids are mixed up";
  EXPECT_GT(own.auc, hashed.auc + 0.02);
  EXPECT_LT(hashed.floats, own.floats / 2);
  EXPECT_LT(composed.floats, own.floats / 2);
  EXPECT_LT(narrow.floats, own.floats / 2);
}

}  // namespace
}  // namespace palate
