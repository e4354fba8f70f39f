#include "models/ranker/ranker_network.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace palate {
namespace {

using ::testing::HasSubstr;

RankerInputs inputs(size_t objectives = 1) {
  RankerInputs inputs;
  inputs.sparse = {{.name = "user", .owner = FieldOwner::kRequest, .rows = 10},
                   {.name = "item", .rows = 20},
                   {.name = "tags", .pooling = Pooling::kMean, .rows = 5}};
  inputs.dense = {{.name = "age", .width = 2}};
  for (size_t i = 0; i < objectives; ++i) {
    inputs.objectives.push_back({.name = i == 0 ? "click" : "like", .link = Link::kSigmoid});
  }
  return inputs;
}

size_t count(const TrainableNetwork& plan, OpKind kind) {
  return static_cast<size_t>(std::ranges::count(plan.spec.ops, kind, &Op::kind));
}

TEST(RankerNetwork, EveryStreamAloneAndAllTogetherFit) {
  const std::vector<std::string> all = {"linear",  "fm",          "fm_weighted",
                                        "cross",   "mlp",         "cross_mlp",
                                        "two_mlp", "mask_serial", "mask_parallel"};
  for (size_t objectives : {1U, 2U}) {
    for (bool gates : {false, true}) {
      RankerConfig config;
      config.gate_fields = config.gate_hidden = gates;
      config.heads = gates ? "mmoe" : "shared";
      config.hidden = {"30", "20"};
      for (const std::string& stream : all) {
        config.streams = {stream};
        const auto plan = ranker_network(config, inputs(objectives));
        ASSERT_TRUE(plan) << stream << ": " << plan.error().message;
        EXPECT_EQ(plan->spec.outputs.size(), objectives);
        EXPECT_EQ(plan->training.size(), plan->spec.ops.size());
      }
      config.streams = all;
      EXPECT_TRUE(ranker_network(config, inputs(objectives)));
    }
  }
}

TEST(RankerNetwork, IsWhatTheConfigSays) {
  RankerConfig config;
  config.streams = {"cross", "mlp"};
  config.cross_layers = 4;
  config.cross_rank = 8;
  config.hidden = {"32", "16"};
  config.dropout = 0.3;
  const auto plan = ranker_network(config, inputs()).value();
  EXPECT_EQ(count(plan, OpKind::kCrossLowRank), 4U);
  EXPECT_EQ(count(plan, OpKind::kCross), 0U);
  EXPECT_EQ(count(plan, OpKind::kLinear), 3U);  // two hidden layers and the head
  const auto normalized = std::ranges::count(plan.training, true, &OpTraining::batch_norm);
  EXPECT_EQ(normalized, 2);
  EXPECT_EQ(std::ranges::count(plan.training, 0.3F, &OpTraining::dropout), 2);
  EXPECT_EQ(plan.spec.sparse[0].width, 16U);
}

// What is rare of a column is read beside it and projected to its width; streams see one embedding.
TEST(RankerNetwork, NarrowHalvesAreAddedToTheirColumns) {
  RankerInputs given = inputs();
  given.sparse.push_back({.name = "item.narrow", .rows = 30});
  given.sparse.push_back({.name = "other.narrow", .rows = 7});  // of no column: one of its own
  RankerConfig config;
  config.streams = {"fm"};
  config.narrow_width = 3;
  const auto plan = ranker_network(config, given).value();
  const auto fm = std::ranges::find(plan.spec.ops, OpKind::kFm, &Op::kind);
  ASSERT_EQ(fm->inputs.size(), 4U);
  const Op& item = plan.spec.ops[fm->inputs[1]];
  ASSERT_EQ(item.kind, OpKind::kAdd);
  const Op& up = plan.spec.ops[item.inputs[1]];
  EXPECT_EQ(up.kind, OpKind::kLinear);
  EXPECT_EQ(up.width, 16U);
  const SparseField& narrow = plan.spec.sparse[plan.spec.ops[up.inputs[0]].field];
  EXPECT_EQ(narrow.name, "item.narrow");
  EXPECT_EQ(narrow.width, 3U);
  EXPECT_EQ(narrow.rows, 30U);
  // A narrow half may ask a history as its column does.
  given.sparse.push_back({.name = "history", .pooling = Pooling::kMean, .rows = 20});
  EXPECT_TRUE(ranker_network(config, given));
}

TEST(RankerNetwork, ALinearStreamHasTablesOfItsOwn) {
  RankerConfig config;
  config.streams = {"linear", "fm"};
  const auto plan = ranker_network(config, inputs()).value();
  ASSERT_EQ(plan.spec.sparse.size(), 6U);
  EXPECT_EQ(plan.spec.sparse[3].name, "user:linear");
  EXPECT_EQ(plan.spec.sparse[3].width, 1U);
  EXPECT_EQ(plan.spec.sparse[3].rows, 10U);
}

// The candidate asks the history; what a linear stream reads of it is a mean as before.
TEST(RankerNetwork, AHistoryIsAskedByTheItem) {
  RankerInputs given = inputs();
  given.sparse.push_back({.name = "history", .pooling = Pooling::kMean, .rows = 20});
  RankerConfig config;
  config.streams = {"linear", "mlp"};
  const auto plan = ranker_network(config, given).value();
  const auto op = std::ranges::find(plan.spec.ops, OpKind::kAttend, &Op::kind);
  ASSERT_NE(op, plan.spec.ops.end());
  EXPECT_EQ(plan.spec.sparse[op->field].name, "history");
  EXPECT_EQ(op->parts, 4U);
  const Op& query = plan.spec.ops[op->inputs.at(0)];
  EXPECT_EQ(query.kind, OpKind::kLinear);
  EXPECT_EQ(plan.spec.sparse[plan.spec.ops[query.inputs[0]].field].name, "item");
  EXPECT_EQ(plan.spec.sparse.back().name, "history:linear");
  EXPECT_EQ(plan.spec.sparse.back().pooling, Pooling::kMean);
  config.attend_query = "";
  const auto pooled = ranker_network(config, given).value();
  EXPECT_TRUE(std::ranges::find(pooled.spec.ops, OpKind::kAttend, &Op::kind)->inputs.empty());
  config.gru = {"history"};
  const auto both = ranker_network(config, given).value();
  EXPECT_EQ(count(both, OpKind::kAttend), 1U);
  EXPECT_EQ(count(both, OpKind::kGru), 1U);
  config.attend = {};
  EXPECT_EQ(count(ranker_network(config, given).value(), OpKind::kAttend), 0U);
  config.gru = {};
  EXPECT_EQ(count(ranker_network(config, given).value(), OpKind::kEmbed), 8U);  // 4 and 4 linear
}

TEST(RankerNetwork, ObjectivesHaveGatesOfTheirOwnOverSharedExperts) {
  RankerConfig config;
  config.heads = "mmoe";
  config.experts = 3;
  const auto plan = ranker_network(config, inputs(2)).value();
  EXPECT_EQ(count(plan, OpKind::kMix), 2U);
  EXPECT_EQ(count(plan, OpKind::kSoftmax), 2U);
}

// Two objectives with two experts each and two shared: 6 on each of two levels. The first level has
// gates for the objectives and for what is shared, the last for the objectives alone.
TEST(RankerNetwork, ObjectivesOfPleHaveExpertsOfTheirOwn) {
  RankerConfig config;
  config.streams = {"cross"};
  config.heads = "ple";
  config.experts = 2;
  config.levels = 2;
  const auto plan = ranker_network(config, inputs(2)).value();
  EXPECT_EQ(count(plan, OpKind::kMix), 5U);
  EXPECT_EQ(count(plan, OpKind::kLinear), 12U + 5U + 2U);
  std::vector<size_t> chosen;
  for (const Op& op : plan.spec.ops) {
    if (op.kind == OpKind::kMix) chosen.push_back(op.inputs.size() - 1);
  }
  EXPECT_THAT(chosen, ::testing::ElementsAre(4, 4, 6, 4, 4));
}

// Every mask is made of the embeddings; serial blocks mask what the one before gave, parallel ones
// all the normalized embeddings.
TEST(RankerNetwork, MasksAreMadeOfTheEmbeddings) {
  RankerConfig config;
  config.mask_blocks = 3;
  config.mask_width = 24;
  for (const bool serial : {true, false}) {
    config.streams = {serial ? "mask_serial" : "mask_parallel"};
    const auto plan = ranker_network(config, inputs()).value();
    const uint32_t all = 3 * 16 + 2;
    std::vector<uint32_t> masked, made;
    for (const Op& op : plan.spec.ops) {
      if (op.kind != OpKind::kMultiply) continue;
      masked.push_back(op.width);
      const Op& mask = plan.spec.ops[op.inputs[0]];
      const Op& gathered = plan.spec.ops[mask.inputs[0]];
      EXPECT_EQ(gathered.width, 2 * op.width);
      made.push_back(plan.spec.ops[gathered.inputs[0]].width);
    }
    EXPECT_THAT(made, ::testing::ElementsAre(all, all, all));
    const uint32_t next = serial ? 24 : all;
    EXPECT_THAT(masked, ::testing::ElementsAre(all, next, next));
    EXPECT_EQ(count(plan, OpKind::kLayerNorm), 3U + 3U);  // of the embeddings, and of the blocks
  }
}

TEST(RankerNetwork, LabelsAreProbabilitiesQuantitiesOrLevels) {
  RankerConfig config;
  config.regression = {"watch_s"};
  config.ordinal = {"stars=3"};
  const std::vector<std::string> labels = {"click", "stars", "watch_s"};
  const auto objectives = ranker_objectives(config, labels).value();
  ASSERT_EQ(objectives.size(), 3U);
  EXPECT_EQ(objectives[0].link, Link::kSigmoid);
  EXPECT_EQ(objectives[1].link, Link::kOrdinal);
  ASSERT_EQ(objectives[1].thresholds.size(), 2U);
  EXPECT_FLOAT_EQ(promised(objectives[1], 0), 2);  // the middle of three
  EXPECT_EQ(objectives[2].link, Link::kIdentity);
  for (const char* wrong : {"stars", "stars=1", "stars=x", "star=5", "watch_s=5", "stars=257"}) {
    config.ordinal = {wrong};
    const auto refused = ranker_objectives(config, labels);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_THAT(refused.error().message, HasSubstr("ranker.ordinal: '")) << wrong;
  }
  config.ordinal = {};
  config.regression = {"dwell"};
  EXPECT_FALSE(ranker_objectives(config, labels));
}

TEST(RankerNetwork, SaysWhatDoesNotFit) {
  const auto message = [](auto spoil) {
    RankerConfig config;
    RankerInputs given = inputs();
    spoil(config, given);
    const auto plan = ranker_network(config, given);
    EXPECT_FALSE(plan);
    if (plan) return std::string();
    EXPECT_EQ(plan.error().code, Code::kInvalidArgument);
    return plan.error().message;
  };
  EXPECT_THAT(message([](auto& c, auto&) { c.streams = {"crosss"}; }), HasSubstr("'crosss'"));
  EXPECT_THAT(message([](auto& c, auto&) { c.streams = {}; }), HasSubstr("streams"));
  EXPECT_THAT(message([](auto& c, auto&) { c.hidden = {"40", "x"}; }), HasSubstr("'x'"));
  EXPECT_THAT(message([](auto& c, auto&) { c.hidden = {"0"}; }), HasSubstr("'0'"));
  EXPECT_THAT(message([](auto& c, auto&) { c.hidden = {}; }), HasSubstr("hidden"));
  EXPECT_THAT(message([](auto& c, auto&) { c.attend = {"item"}; }), HasSubstr("attend: no column"));
  EXPECT_THAT(message([](auto& c, auto&) { c.gru = {"tag"}; }), HasSubstr("gru: no column 'tag'"));
  EXPECT_THAT(message([](auto& c, auto&) {
                c.attend = {"tags"};
                c.attend_heads = 3;
              }),
              HasSubstr("attend_heads"));
  EXPECT_THAT(message([](auto& c, auto&) {
                c.attend = {"tags"};
                c.attend_query = "tags";
              }),
              HasSubstr("attend_query"));
  EXPECT_THAT(message([](auto& c, auto& g) {
                c.streams = {"fm"};
                g.sparse.resize(1);
              }),
              HasSubstr("two fields"));
  EXPECT_THAT(message([](auto&, auto& g) {
                g.sparse.clear();
                g.dense.clear();
              }),
              HasSubstr("field"));
  EXPECT_THAT(message([](auto&, auto& g) { g.objectives.clear(); }), HasSubstr("objective"));
  EXPECT_THAT(message([](auto&, auto& g) { g.sparse[1].name = "user"; }), HasSubstr("user"));
}

}  // namespace
}  // namespace palate
