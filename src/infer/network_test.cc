// Network against its plain twin: every op, random networks, cuts, threads, and what it refuses.
#include "infer/network.h"

#include <cmath>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "infer/network_draw.h"
#include "infer/plain_network.h"
#include "math/every_target.h"

namespace palate {
namespace {

using ::testing::HasSubstr;
using Scores = std::vector<std::vector<float>>;

struct World {
  NetworkSpec spec;
  std::shared_ptr<const Artefact> artefact;
  size_t candidates;
  DrawnRequest request;

  World(const NetworkSpec& of, uint64_t seed, size_t count)
      : spec(of), candidates(count), request(spec, count, seed) {
    TensorDrawer drawer;
    drawer.seed = seed;
    auto written = drawer.write(spec);
    EXPECT_TRUE(written.has_value()) << written.error().message;
    artefact = *written;
  }
  World(const World&) = delete;

  [[nodiscard]] std::shared_ptr<const Network> load(const NetworkOptions& options = {}) const {
    auto network = Network::load(artefact, options);
    EXPECT_TRUE(network.has_value()) << network.error().message;
    return *network;
  }
  std::vector<std::vector<double>> plain() {
    const auto weights = NetworkWeights::read(artefact);
    EXPECT_TRUE(weights.has_value());
    auto scores = plain::score_network(*weights, request.all());
    EXPECT_TRUE(scores.has_value());
    return *scores;
  }
};

Scores score(const Network& network, const NetworkRequest& request, NetworkScratch& scratch) {
  Scores scores(network.spec().outputs.size(), std::vector<float>(request.candidates, NAN));
  const std::vector<std::span<float>> outputs(scores.begin(), scores.end());
  const Status status = network.score(request, outputs, scratch);
  EXPECT_TRUE(status.has_value()) << status.error().message;
  return scores;
}

void expect_near(const Scores& got, const std::vector<std::vector<double>>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    for (size_t c = 0; c < got[i].size(); ++c) {
      ASSERT_NEAR(got[i][c], expected[i][c], 1e-4 * (1 + std::abs(expected[i][c])))
          << "output " << i << ", candidate " << c;
    }
  }
}

// Computed once or for every candidate, in blocks of any size: the plain twin's numbers.
void expect_plain(World& world) {
  const auto expected = world.plain();
  NetworkScratch scratch;
  for_every_target([&] {
    for (const bool share : {true, false}) {
      for (const size_t rows : {0, 1, 7}) {
        SCOPED_TRACE(testing::Message() << (share ? "shared" : "apart") << ", blocks of " << rows);
        const auto network = world.load({.share = share, .block_rows = rows});
        expect_near(score(*network, world.request.all(), scratch), expected);
      }
    }
  });
}

// A network of one op over fields of all owners, with an output for each of its columns' sum.
NetworkSpec of_one(OpKind kind, const std::array<FieldOwner, 3>& owners, uint32_t width) {
  NetworkSpec spec;
  for (uint32_t f = 0; f < 3; ++f) {
    spec.sparse.push_back({"s" + std::to_string(f), owners[f], static_cast<Pooling>(f), 20, width});
    spec.ops.push_back(
        {.kind = OpKind::kEmbed, .name = "e" + std::to_string(f), .width = width, .field = f});
  }
  spec.dense = {{"d", owners[1], 3}};
  spec.ops.push_back({.kind = OpKind::kDense, .name = "d", .width = 3});
  Op op{.kind = kind, .name = "op", .inputs = {0, 1, 2}, .width = width};
  if (kind == OpKind::kConcat) op.inputs = {0, 3, 2, 1}, op.width = 3 * width + 3;
  if (kind == OpKind::kFm || kind == OpKind::kFmWeighted) op.width = 1;
  if (kind == OpKind::kScale) op.scale = -1.75F;
  if (kind == OpKind::kCrossLowRank) op.rank = 5;
  if (kind == OpKind::kBilinear || kind == OpKind::kLinearBlocks) op.parts = 2;
  if (kind == OpKind::kActivate || kind == OpKind::kLinearBlocks) op.activation = Activation::kTanh;
  if (kind == OpKind::kBilinear) op.inputs = {0, 1}, op.width = 1;
  if (kind == OpKind::kCross || kind == OpKind::kCrossLowRank) op.inputs = {0, 1};
  if (kind == OpKind::kMix) op.inputs = {3, 0, 1, 2};
  if (kind == OpKind::kLinear || kind == OpKind::kLinearBlocks || kind == OpKind::kActivate ||
      kind == OpKind::kScale || kind == OpKind::kLayerNorm || kind == OpKind::kSoftmax) {
    op.inputs = {1};
  }
  if (kind == OpKind::kLinear) op.width = 21;
  if (reads_sequence(kind)) {
    spec.sparse.push_back({"history", owners[2], Pooling::kSequence, 20, 7});
    op.inputs.clear(), op.field = 3, op.length = 9;
    if (kind == OpKind::kAttend) op.inputs = {1}, op.parts = 2;
  }
  spec.ops.push_back(op);
  spec.ops.push_back({.kind = OpKind::kLinear, .name = "sum", .inputs = {4}, .width = 1});
  spec.outputs = {{"out", 5}};
  return spec;
}

TEST(Network, EveryOpIsWhatThePlainTwinSays) {
  constexpr auto kR = FieldOwner::kRequest, kC = FieldOwner::kCandidate;
  for (size_t kind = static_cast<size_t>(OpKind::kConcat);
       kind <= static_cast<size_t>(OpKind::kGru); ++kind) {
    for (const auto& owners : {std::array{kR, kC, kR}, std::array{kC, kR, kC},
                               std::array{kC, kC, kC}, std::array{kR, kR, kR}}) {
      for (const uint32_t width : {4U, 18U}) {
        SCOPED_TRACE(testing::Message() << op_name(static_cast<OpKind>(kind)) << " of " << width);
        World world(of_one(static_cast<OpKind>(kind), owners, width), 3, 23);
        expect_plain(world);
      }
    }
  }
}

// A candidate asks the request's history: keys and values are computed once, whatever the number of
// candidates, and what is asked is each candidate's.
TEST(Network, TheHistoryOfARequestIsReadOnce) {
  constexpr auto kR = FieldOwner::kRequest, kC = FieldOwner::kCandidate;
  const NetworkSpec spec = of_one(OpKind::kAttend, {kR, kC, kR}, 18);
  World world(spec, 3, 40);
  const double once = 2.0 * 9 * 7 * 2 * 18, each = 4.0 * 9 * 18 + 2 * 18;
  const Network::Work shared = world.load()->work(), apart = world.load({.share = false})->work();
  EXPECT_EQ(shared.flop_request, once);
  EXPECT_EQ(shared.flop_candidate, each);
  EXPECT_EQ(apart.flop_request, 0);
  EXPECT_EQ(apart.flop_candidate, once + each);
}

// The newest 9 of 12 ids count, in their order, and no id at all is zeros.
TEST(Network, ASequenceIsItsNewestIdsInTheirOrder) {
  constexpr auto kC = FieldOwner::kCandidate;
  for (const OpKind kind : {OpKind::kAttend, OpKind::kGru}) {
    World world(of_one(kind, {kC, kC, kC}, 4), 5, 5);
    const NetworkRequest drawn = world.request.part(0, 1);
    const auto network = world.load();
    NetworkScratch scratch;
    const auto score_of = [&](std::vector<uint32_t> history) {
      const std::vector<uint32_t> ends{0, static_cast<uint32_t>(history.size())};
      std::vector<SparseValues> sparse(drawn.sparse.begin(), drawn.sparse.end());
      sparse[3] = {history, ends};
      return score(*network, {1, sparse, drawn.dense}, scratch)[0][0];
    };
    const float last = score_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
    EXPECT_EQ(last, score_of({4, 5, 6, 7, 8, 9, 10, 11, 12}));
    EXPECT_EQ(last, score_of({17, 18, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
    EXPECT_NE(last, score_of({5, 4, 6, 7, 8, 9, 10, 11, 12}));
    EXPECT_NE(last, score_of({4, 5, 6, 7, 8, 9, 10, 11}));
    const auto weights = NetworkWeights::read(world.artefact).value();
    EXPECT_EQ(score_of({}), weights.ops[5].bias[0]);
  }
}

// In parts, which take a minute each under a sanitizer.
constexpr uint64_t kDrawn = 150, kParts = 10;
class DrawnNetworks : public ::testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Parts, DrawnNetworks, ::testing::Range(uint64_t{0}, kParts));

TEST_P(DrawnNetworks, AreWhatThePlainTwinSays) {
  for (uint64_t seed = 1 + GetParam(); seed <= kDrawn; seed += kParts) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(SpecDrawer(seed).draw(), seed, 1 + seed % 40);
    expect_plain(world);
    if (HasFatalFailure()) return;
  }
}

TEST(Network, ACandidateIsTheSameBitsHoweverCallsAreCut) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    World world(SpecDrawer(seed).draw(), seed, 61);
    for_every_target([&] {
      const auto network = world.load();
      NetworkScratch scratch;
      const Scores whole = score(*network, world.request.all(), scratch);
      for (const size_t cut : {1, 5, 12, 60}) {
        for (size_t first = 0; first < world.candidates; first += cut) {
          const size_t count = std::min(cut, world.candidates - first);
          const Scores part = score(*network, world.request.part(first, count), scratch);
          for (size_t i = 0; i < part.size(); ++i) {
            for (size_t c = 0; c < count; ++c) {
              ASSERT_EQ(part[i][c], whole[i][first + c]) << "seed " << seed << ", cut " << cut;
            }
          }
        }
      }
    });
  }
}

// A ranker of usual shape: fields, a cross, two layers.
NetworkSpec ranker() {
  NetworkSpec spec;
  Op concat{.kind = OpKind::kConcat, .name = "x"};
  for (uint32_t f = 0; f < 6; ++f) {
    spec.sparse.push_back(
        {"s" + std::to_string(f), static_cast<FieldOwner>(f % 2), Pooling::kSum, 50, 12});
    spec.ops.push_back(
        {.kind = OpKind::kEmbed, .name = "e" + std::to_string(f), .width = 12, .field = f});
    concat.inputs.push_back(f);
    concat.width += 12;
  }
  spec.ops.push_back(concat);
  spec.ops.push_back(
      {.kind = OpKind::kCrossLowRank, .name = "c", .inputs = {6, 6}, .width = 72, .rank = 20});
  for (const uint32_t width : {64U, 33U, 1U}) {
    const auto last = static_cast<uint32_t>(spec.ops.size() - 1);
    spec.ops.push_back({.kind = OpKind::kLinear,
                        .name = "l" + std::to_string(width),
                        .inputs = {last},
                        .width = width,
                        .activation = width > 1 ? Activation::kRelu : Activation::kNone});
  }
  spec.outputs = {{"click", 10, Link::kSigmoid}, {"raw", 10}};
  return spec;
}

TEST(Network, EightBitsAreNearAndTheSameHoweverCallsAreCut) {
  World world(ranker(), 8, 70);
  const auto plain = world.plain();
  NetworkScratch scratch;
  for (const bool share : {true, false}) {
    const auto network = world.load({.share = share, .precision = Precision::kInt8});
    const Scores whole = score(*network, world.request.all(), scratch);
    double squares = 0, off = 0;
    for (size_t c = 0; c < world.candidates; ++c) {
      EXPECT_NEAR(whole[0][c], plain[0][c], 0.05);
      squares += plain[1][c] * plain[1][c];
      off += (whole[1][c] - plain[1][c]) * (whole[1][c] - plain[1][c]);
    }
    EXPECT_LT(std::sqrt(off / squares), 0.05);
    EXPECT_GT(off, 0) << "these were not 8 bits";
    for (size_t c = 0; c < world.candidates; ++c) {
      EXPECT_EQ(score(*network, world.request.part(c, 1), scratch)[0][0], whole[0][c]);
    }
  }
}

TEST(Network, WhatEightBitsLoseIsSaidByLayer) {
  World world(ranker(), 8, 70);
  const auto exact = world.load();
  const std::vector<NetworkRequest> requests{world.request.all()};
  EXPECT_TRUE(exact->layer_errors(*exact, requests)->empty());
  const auto int8 = world.load({.precision = Precision::kInt8});
  const auto errors = exact->layer_errors(*int8, requests);
  ASSERT_TRUE(errors.has_value()) << errors.error().message;
  EXPECT_LT(int8->work().weight_bytes, exact->work().weight_bytes);
  std::vector<std::string> names;
  for (const auto& [op, rms] : *errors) {
    names.push_back(op);
    EXPECT_GT(rms, 1e-4) << op;
    EXPECT_LT(rms, 0.03) << op;
  }
  EXPECT_THAT(names, ::testing::ElementsAre("c", "c", "l64", "l33"));
  EXPECT_FALSE(int8->layer_errors(*exact, requests).has_value()) << "the wrong way round";
  const auto apart = world.load({.share = false, .precision = Precision::kInt8});
  EXPECT_FALSE(exact->layer_errors(*apart, requests).has_value());
}

TEST(Network, WhatBf16LosesIsSaidByLayer) {
  World world(ranker(), 8, 70);
  const auto exact = world.load(), half = world.load({.precision = Precision::kBf16});
  EXPECT_LE(2 * half->work().weight_bytes, exact->work().weight_bytes);
  const std::vector<NetworkRequest> requests{world.request.all()};
  const auto errors = exact->layer_errors(*half, requests);
  ASSERT_TRUE(errors.has_value()) << errors.error().message;
  EXPECT_EQ(errors->size(), 6u) << "of the request, too";
  for (const auto& [op, rms] : *errors) EXPECT_LT(rms, 0.003) << op;
  EXPECT_FALSE(Network::load(world.artefact, {.precision = Precision::kInt4}).has_value());
}

// Of weights that bf16 holds exactly, bf16 is as near to the plain twin as fp32.
TEST(Network, Bf16IsExactWhereItsWeightsAre) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const NetworkSpec spec = SpecDrawer(seed).draw();
    TensorDrawer drawer;
    drawer.seed = seed;
    drawer.edit = [](TensorDrawer::Drawn& drawn) {
      for (float& value : drawn.values) value = from_bf16(to_bf16(value));
      return true;
    };
    const auto artefact = drawer.write(spec);
    ASSERT_TRUE(artefact.has_value()) << artefact.error().message;
    DrawnRequest request(spec, 37, seed);
    const auto weights = NetworkWeights::read(*artefact);
    const auto expected = plain::score_network(*weights, request.all());
    NetworkScratch scratch;
    for_every_target([&] {
      for (const bool share : {true, false}) {
        const auto network =
            Network::load(*artefact, {.share = share, .precision = Precision::kBf16});
        ASSERT_TRUE(network.has_value());
        expect_near(score(**network, request.all(), scratch), *expected);
      }
    });
  }
}

TEST(Network, ThreadsShareOne) {
  World world(SpecDrawer(5).draw(), 5, 40);
  const auto network = world.load();
  NetworkScratch scratch;
  const NetworkRequest request = world.request.all();
  const Scores expected = score(*network, request, scratch);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      NetworkScratch own;
      for (int turn = 0; turn < 50; ++turn) EXPECT_EQ(score(*network, request, own), expected);
    });
  }
}

TEST(Network, AScratchServesNetworksOfAnySize) {
  NetworkScratch scratch;
  for (const uint64_t seed : {3, 9, 4, 3, 12}) {
    World world(SpecDrawer(seed).draw(), seed, 30);
    expect_near(score(*world.load(), world.request.all(), scratch), world.plain());
  }
}

TEST(Network, NoCandidatesAreNoWork) {
  World world(SpecDrawer(2).draw(), 2, 3);
  NetworkScratch scratch;
  EXPECT_TRUE(score(*world.load(), world.request.part(0, 0), scratch)[0].empty());
}

TEST(Network, RequestsThatDoNotFitAreRefused) {
  constexpr auto kC = FieldOwner::kCandidate;
  World world(of_one(OpKind::kAdd, {kC, FieldOwner::kRequest, kC}, 4), 1, 3);
  const auto network = world.load();
  const std::vector<uint32_t> ids{1, 2, 3}, two{1, 2}, back{0, 2, 1, 3}, bag{0, 2, 2, 3};
  const std::vector<float> numbers{1, 2, 3};
  std::vector<float> out(3);
  const std::vector<std::span<float>> outputs{out};
  NetworkScratch scratch;
  const std::vector<SparseValues> good{{ids, {}}, {std::span(ids).first(1), {}}, {ids, {}}};
  const std::vector<std::span<const float>> dense{numbers};
  const auto refused = [&](const std::vector<SparseValues>& sparse) {
    const Status status = network->score({3, sparse, dense}, outputs, scratch);
    return status ? "nothing" : status.error().message;
  };
  EXPECT_EQ(refused(good), "nothing");
  EXPECT_THAT(refused({good[0], good[1]}), HasSubstr("2 sparse and 1 dense fields"));
  EXPECT_THAT(refused({{two, {}}, good[1], good[2]}), HasSubstr("field 's0' has 2 ids for 3"));
  EXPECT_THAT(refused({good[0], good[0], good[2]}), HasSubstr("field 's1' has 3 ids for 1"));
  EXPECT_THAT(refused({good[0], good[1], {ids, back}}), HasSubstr("row 1 of field 's2'"));
  EXPECT_THAT(refused({good[0], good[1], {ids, two}}), HasSubstr("offsets of field 's2'"));
  EXPECT_THAT(refused({{ids, bag}, good[1], good[2]}), HasSubstr("row 0 of field 's0'"));
  EXPECT_EQ(refused({good[0], good[1], {ids, bag}}), "nothing");
  const std::vector<std::span<const float>> short_dense{std::span(numbers).first(2)};
  EXPECT_FALSE(network->score({3, good, short_dense}, outputs, scratch).has_value());
  EXPECT_FALSE(network->score({3, good, dense}, {}, scratch).has_value());
  const std::vector<std::span<float>> small{std::span(out).first(2)};
  EXPECT_FALSE(network->score({3, good, dense}, small, scratch).has_value());
}

TEST(Network, TensorsThatDoNotFitAreRefusedByName) {
  constexpr auto kC = FieldOwner::kCandidate;
  const NetworkSpec spec = of_one(OpKind::kCrossLowRank, {kC, kC, kC}, 4);
  const auto refused = [&](const std::string& name, const auto& change) -> std::string {
    TensorDrawer drawer;
    drawer.edit = [&](TensorDrawer::Drawn& drawn) { return drawn.name != name || change(drawn); };
    const auto artefact = drawer.write(spec);
    EXPECT_TRUE(artefact.has_value());
    const auto network = Network::load(*artefact);
    if (network) return "nothing";
    EXPECT_EQ(network.error().code, Code::kCorrupt);
    return network.error().message;
  };
  const auto dropped = [](auto&) { return false; };
  const auto longer = [](TensorDrawer::Drawn& drawn) {
    drawn.shape.back() += 1;
    drawn.values.assign(1000, 0.0F);
    size_t count = 1;
    for (const uint64_t size : drawn.shape) count *= size;
    drawn.values.resize(count);
    return true;
  };
  const auto spoilt = [](TensorDrawer::Drawn& drawn) {
    drawn.values[2] = NAN;
    return true;
  };
  for (const std::string name : {"op.u", "op.v", "op.bias", "sum.weight", "mean.d", "scale.d"}) {
    EXPECT_THAT(refused(name, dropped), HasSubstr("there is no tensor '" + name + "'"));
    EXPECT_THAT(refused(name, longer), HasSubstr("tensor '" + name + "' is ["));
    EXPECT_THAT(refused(name, spoilt), HasSubstr("tensor '" + name + "' holds nan at 2"));
  }
  EXPECT_THAT(refused("table.s1", dropped), HasSubstr("there is no tensor 'table.s1'"));
  EXPECT_THAT(refused("table.s2", longer), HasSubstr("tensor 'table.s2' is ["));
}

}  // namespace
}  // namespace palate
