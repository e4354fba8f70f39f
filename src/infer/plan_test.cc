// What the plan finds out: what is shared, what is split, what is left out, and who may lie where.
#include "infer/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "infer/network_draw.h"

namespace palate {
namespace {

struct Planned {
  NetworkWeights weights;
  Plan plan;
};

Planned planned(const NetworkSpec& spec, const PlanOptions& options = {}) {
  const auto artefact = TensorDrawer().write(spec);
  EXPECT_TRUE(artefact.has_value()) << artefact.error().message;
  auto weights = NetworkWeights::read(*artefact);
  EXPECT_TRUE(weights.has_value()) << weights.error().message;
  Plan plan = make_plan(*weights, options);
  return {std::move(*weights), std::move(plan)};
}

// user [8] and item [8] side by side, then a layer of 24, then 1.
NetworkSpec two_towers() {
  NetworkSpec spec;
  spec.sparse = {{"user", FieldOwner::kRequest, Pooling::kOne, 9, 8},
                 {"item", FieldOwner::kCandidate, Pooling::kOne, 9, 8}};
  spec.ops = {{.kind = OpKind::kEmbed, .name = "u", .width = 8, .field = 0},
              {.kind = OpKind::kEmbed, .name = "i", .width = 8, .field = 1},
              {.kind = OpKind::kConcat, .name = "x", .inputs = {0, 1, 0}, .width = 24},
              {.kind = OpKind::kLinear, .name = "h", .inputs = {2}, .width = 24},
              {.kind = OpKind::kActivate, .name = "dead", .inputs = {3}, .width = 24},
              {.kind = OpKind::kLinear, .name = "o", .inputs = {3}, .width = 1}};
  spec.outputs = {{"click", 5}};
  return spec;
}

size_t count(const std::vector<Step>& steps, StepKind kind) {
  return static_cast<size_t>(
      std::ranges::count_if(steps, [&](const Step& step) { return step.kind == kind; }));
}

TEST(Plan, ALayerOverBothIsSplit) {
  const auto [weights, plan] = planned(two_towers());
  EXPECT_EQ(count(plan.shared, StepKind::kGather), 1u);
  EXPECT_EQ(count(plan.shared, StepKind::kProduct), 1u);
  EXPECT_EQ(count(plan.block, StepKind::kGather), 1u);
  ASSERT_EQ(count(plan.block, StepKind::kProduct), 2u);
  const auto first = std::ranges::find(plan.block, StepKind::kProduct, &Step::kind);
  EXPECT_TRUE(first->bias.has_value());
  EXPECT_EQ(plan.products[first->product].in, 8u) << "of 24 columns, the item's";
  const auto once = std::ranges::find(plan.shared, StepKind::kProduct, &Step::kind);
  EXPECT_EQ(plan.products[once->product].in, 16u);
}

TEST(Plan, FieldsOfCandidatesGoStraightIntoTheConcat) {
  const auto [weights, plan] = planned(two_towers());
  EXPECT_EQ(count(plan.block, StepKind::kRows), 0u) << "nothing is copied for each candidate";
  EXPECT_EQ(plan.fill.size(), 2u);
}

TEST(Plan, WithoutSharingAllIsTheBlocks) {
  const auto [weights, plan] = planned(two_towers(), {.share = false});
  EXPECT_TRUE(plan.shared.empty());
  EXPECT_TRUE(plan.fill.empty());
  EXPECT_EQ(count(plan.block, StepKind::kGather), 2u);
}

TEST(Plan, WhatNoOutputNeedsIsLeftOut) {
  const auto [weights, plan] = planned(two_towers());
  for (const auto* steps : {&plan.shared, &plan.block}) {
    for (const Step& step : *steps) EXPECT_NE(weights.spec.ops[step.op].name, "dead");
  }
}

// Shared columns are filled in once, before the first block; a slab that another value used later
// in a block would be spoilt for the next one.
TEST(Plan, FilledColumnsAreNobodyElses) {
  size_t filled = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const auto [weights, plan] = planned(SpecDrawer(seed).draw());
    for (const Step& step : plan.fill) {
      const Slab& mine = plan.block_slabs[step.out.slab];
      for (size_t other = 0; other < plan.block_slabs.size(); ++other) {
        if (other == step.out.slab) continue;
        ++filled;
        const Slab& slab = plan.block_slabs[other];
        ASSERT_TRUE(slab.offset >= mine.offset + mine.stride ||
                    mine.offset >= slab.offset + slab.stride)
            << "seed " << seed;
      }
    }
  }
  EXPECT_GT(filled, 100u);
}

TEST(Plan, SlabsInUseTogetherDoNotOverlap) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Philox random(77, seed);
    std::vector<SlabUse> uses;
    std::vector<Slab> slabs;
    for (uint32_t i = 0; i < 30; ++i) {
      const size_t first = random.below(20);
      uses.push_back({first, first + random.below(6)});
      slabs.push_back({16 * (1 + size_t{random.below(9)}), 0});
    }
    const size_t most = place_slabs(uses, slabs);
    size_t sum = 0;
    for (size_t i = 0; i < slabs.size(); ++i) {
      sum += slabs[i].stride;
      EXPECT_LE(slabs[i].offset + slabs[i].stride, most);
      for (size_t j = 0; j < i; ++j) {
        const bool together = uses[i].first <= uses[j].last && uses[j].first <= uses[i].last;
        const bool overlap = slabs[i].offset < slabs[j].offset + slabs[j].stride &&
                             slabs[j].offset < slabs[i].offset + slabs[i].stride;
        ASSERT_FALSE(together && overlap) << "seed " << seed;
      }
    }
    EXPECT_LT(most, sum) << "places are used again";
  }
}

}  // namespace
}  // namespace palate
