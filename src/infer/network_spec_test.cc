#include "infer/network_spec.h"

#include <cmath>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "infer/network_draw.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

NetworkSpec small() {
  NetworkSpec spec;
  spec.sparse = {{"user", FieldOwner::kRequest, Pooling::kOne, 10, 4},
                 {"tags", FieldOwner::kCandidate, Pooling::kMean, 7, 4},
                 {"history", FieldOwner::kRequest, Pooling::kSequence, 9, 5}};
  spec.dense = {{"age", FieldOwner::kRequest, 2}};
  spec.ops = {
      {.kind = OpKind::kEmbed, .name = "u", .width = 4, .field = 0},
      {.kind = OpKind::kEmbed, .name = "t", .width = 4, .field = 1},
      {.kind = OpKind::kDense, .name = "a", .width = 2},
      {.kind = OpKind::kConcat, .name = "x", .inputs = {0, 1, 2}, .width = 10},
      {.kind = OpKind::kCrossLowRank, .name = "c", .inputs = {3, 3}, .width = 10, .rank = 2},
      {.kind = OpKind::kBilinear, .name = "b", .inputs = {0, 4}, .width = 1, .parts = 2},
      {.kind = OpKind::kSoftmax, .name = "s", .inputs = {2}, .width = 2},
      {.kind = OpKind::kMix, .name = "m", .inputs = {6, 0, 1}, .width = 4},
      {.kind = OpKind::kLinear,
       .name = "o",
       .inputs = {7},
       .width = 1,
       .activation = Activation::kSilu},
      {.kind = OpKind::kAttend,
       .name = "h",
       .inputs = {0},
       .width = 4,
       .field = 2,
       .length = 50,
       .parts = 2},
      {.kind = OpKind::kGru, .name = "g", .width = 3, .field = 2, .length = 20}};
  spec.outputs = {{"click", 8, Link::kSigmoid, 1.5F, -0.25F},
                  {"stars", 8, Link::kOrdinal, 2, 0, {2, 0.5F, -1}, {1, 2, 4}, {1, 3, 3}}};
  return spec;
}

TEST(NetworkSpec, WhatIsWrittenIsReadBack) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const NetworkSpec spec = seed == 0 ? small() : SpecDrawer(seed).draw();
    const std::string json = spec.to_json();
    const auto read = NetworkSpec::from_json(json);
    ASSERT_TRUE(read.has_value()) << read.error().message << "\n" << json;
    EXPECT_EQ(read->to_json(), json);
    EXPECT_EQ(read->ops.size(), spec.ops.size());
  }
}

TEST(NetworkSpec, EveryPartIsReadAsItIsWritten) {
  const auto read = NetworkSpec::from_json(small().to_json());
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->sparse[0].owner, FieldOwner::kRequest);
  EXPECT_EQ(read->sparse[1].pooling, Pooling::kMean);
  EXPECT_EQ(read->sparse[1].rows, 7u);
  EXPECT_EQ(read->dense[0].name, "age");
  EXPECT_EQ(read->ops[4].kind, OpKind::kCrossLowRank);
  EXPECT_EQ(read->ops[4].rank, 2u);
  EXPECT_EQ(read->ops[5].parts, 2u);
  EXPECT_EQ(read->ops[7].inputs, (std::vector<uint32_t>{6, 0, 1}));
  EXPECT_EQ(read->ops[8].activation, Activation::kSilu);
  EXPECT_EQ(read->sparse[2].pooling, Pooling::kSequence);
  EXPECT_EQ(read->ops[9].length, 50u);
  EXPECT_EQ(read->outputs[0].slope, 1.5F);
  EXPECT_EQ(read->outputs[0].shift, -0.25F);
  EXPECT_EQ(read->outputs[0].link, Link::kSigmoid);
  EXPECT_EQ(read->outputs[1].thresholds, (std::vector<float>{2, 0.5F, -1}));
  EXPECT_EQ(read->outputs[1].at, (std::vector<float>{1, 2, 4}));
  EXPECT_EQ(read->outputs[1].gives, (std::vector<float>{1, 3, 3}));
}

TEST(NetworkSpec, WhatAnOutputPromises) {
  const Output stars{.link = Link::kOrdinal, .slope = 2, .thresholds = {1, -1}};
  const float passes = 1 / (1 + std::exp(-2.0F)), next = 1 / (1 + std::exp(0.0F));
  EXPECT_FLOAT_EQ(promised(stars, 0.5F), 1 + passes + next);
  const Output steps{.at = {0, 1, 3}, .gives = {0.25F, 0.5F, 1}};
  EXPECT_EQ(promised(steps, -7), 0.25F);
  EXPECT_EQ(promised(steps, 0), 0.25F);
  EXPECT_EQ(promised(steps, 0.5F), 0.375F);
  EXPECT_EQ(promised(steps, 2), 0.75F);
  EXPECT_EQ(promised(steps, 3), 1);
  EXPECT_EQ(promised(steps, 99), 1);
}

struct Fault {
  std::function<void(NetworkSpec&)> make;
  const char* says;
};

TEST(NetworkSpec, WhatDoesNotFitIsRefusedWithItsPlace) {
  const std::vector<Fault> faults{
      {[](auto& s) { s.ops[3].inputs = {0, 1, 3}; }, "ops[3] (concat 'x'): input 3"},
      {[](auto& s) { s.ops[3].inputs = {0, 1, 99}; }, "input 99 does not come before"},
      {[](auto& s) { s.ops[3].width = 11; }, "it is 11 wide, its inputs make 10"},
      {[](auto& s) { s.ops[3].inputs.clear(); }, "0 inputs"},
      {[](auto& s) { s.ops[3].inputs.assign(kNetworkInputsMax + 1, 0); }, "1025 inputs"},
      {[](auto& s) { s.ops[0].field = 3; }, "field 3 of 3"},
      {[](auto& s) { s.ops[0].field = 2; }, "field 2 is a sequence"},
      {[](auto& s) { s.ops[9].field = 1; }, "field 1 is no sequence"},
      {[](auto& s) { s.ops[9].inputs = {0, 1}; }, "2 inputs: it reads a field"},
      {[](auto& s) { s.ops[10].inputs = {0}; }, "1 inputs: it reads a field"},
      {[](auto& s) { s.ops[9].inputs = {2}; }, "input 0 is 2 wide, not 4"},
      {[](auto& s) { s.ops[9].parts = 3; }, "which is not 3 equal heads"},
      {[](auto& s) { s.ops[9].parts = 0; }, "which is not 0 equal heads"},
      {[](auto& s) { s.ops[10].length = 0; }, "a length of 0"},
      {[](auto& s) { s.ops[10].length = kNetworkLengthMax + 1; }, "a length of 4097"},
      {[](auto& s) { s.ops[3].length = 1; }, "a length of 1"},
      {[](auto& s) { s.ops[10].width = 65536, s.ops[10].length = 100; }, "numbers of sequences"},
      {[](auto& s) { s.ops[0].width = 5; }, "it is 5 wide, its inputs make 4"},
      {[](auto& s) { s.ops[0].inputs = {0}; }, "1 inputs: it reads a field"},
      {[](auto& s) { s.ops[4].rank = 0; }, "a rank of 0"},
      {[](auto& s) { s.ops[8].rank = 3; }, "a rank of 3"},
      {[](auto& s) { s.ops[4].inputs = {3, 0}; }, "input 1 is 4 wide, not 10"},
      {[](auto& s) { s.ops[4].inputs = {3}; }, "1 inputs, it takes 2"},
      {[](auto& s) { s.ops[5].parts = 3; }, "which is not 3 equal parts"},
      {[](auto& s) { s.ops[5].parts = 0; }, "which is not 0 equal parts"},
      {[](auto& s) { s.ops[5].width = 2; }, "it is 2 wide"},
      {[](auto& s) { s.ops[8].parts = 2; }, "it has no parts"},
      {[](auto& s) { s.ops[8].scale = 2; }, "a scale of 2"},
      {[](auto& s) { s.ops[3].activation = Activation::kRelu; }, "it has no activation"},
      {[](auto& s) { s.ops[7].inputs = {6, 0}; }, "2 weights for 1 inputs"},
      {[](auto& s) { s.ops[8].width = 0; }, "is 0 wide"},
      {[](auto& s) { s.ops[8].width = kNetworkWidthMax + 1; }, "is 65537 wide"},
      {[](auto& s) { s.ops[8].name = "x"; }, "the name 'x' is taken"},
      {[](auto& s) { s.ops[8].name = ""; }, "needs a name"},
      {[](auto& s) { s.sparse[0].rows = 0; }, "sparse[0] has no rows"},
      {[](auto& s) { s.outputs[0].value = 7; }, "value 7 is no op of width 1"},
      {[](auto& s) { s.outputs[0].value = 9; }, "value 9 is no op of width 1"},
      {[](auto& s) { s.outputs[0].thresholds = {1}; }, "an ordinal link has thresholds"},
      {[](auto& s) { s.outputs[1].thresholds.clear(); }, "an ordinal link has thresholds"},
      {[](auto& s) { s.outputs[1].thresholds[1] = NAN; }, "are not finite"},
      {[](auto& s) { s.outputs[1].gives.pop_back(); }, "are no pairs"},
      {[](auto& s) { s.outputs[1].at[1] = 1; }, "'at' does not ascend"},
      {[](auto& s) { s.outputs[1].gives[1] = 4; }, "'gives' falls"},
      {[](auto& s) { s.outputs.clear(); }, "it has no output"},
      {[](auto& s) { s.outputs[0].slope = NAN; }, "not finite"},
      {[](auto& s) { s.ops.resize(kNetworkOpsMax + 1); }, "4097 ops, at most 4096"},
      {[](auto& s) { s.ops.resize(1000, {.width = 2000}); }, "columns in all"},
  };
  for (const Fault& fault : faults) {
    NetworkSpec spec = small();
    fault.make(spec);
    const Status checked = spec.check();
    ASSERT_FALSE(checked.has_value()) << fault.says;
    EXPECT_EQ(checked.error().code, Code::kCorrupt);
    EXPECT_THAT(checked.error().message, HasSubstr(fault.says));
  }
  EXPECT_TRUE(small().check().has_value());
}

TEST(NetworkSpec, TextThatIsNoNetworkIsRefused) {
  const auto with = [](std::string_view from, std::string_view to) {
    std::string json = small().to_json();
    const size_t at = json.find(from);
    PALATE_CHECK(at != std::string::npos, "a part of the text");
    return json.replace(at, from.size(), to);
  };
  const std::vector<std::pair<std::string, const char*>> faults{
      {"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {std::string(100'000, '['), "not a JSON object"},
      {"{}", "'format' is missing"},
      {with("\"softmax\"", "\"soft\""), "ops[6].op is missing or no value"},
      {with("\"rank\":2", "\"rank\":-2"), "ops[4].rank"},
      {with("\"rank\":2", "\"rank\":4294967298"), "ops[4].rank"},
      {with("\"rank\":2", "\"rang\":2"), "ops[4] has a key that is not known"},
      {with("\"name\":\"age\"", "\"name\":7"), "dense[0].name"},
      {with("[6,0,1]", "[6,\"0\",1]"), "ops[7].inputs"},
      {with("\"dense\":[{", "\"dens\":[{"), "'dense' is no list"},
      {with("\"format\":1", "\"format\":1,\"more\":0"), "a key that is not known"},
  };
  for (const auto& [text, says] : faults) {
    const auto read = NetworkSpec::from_json(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code, Code::kCorrupt);
    EXPECT_THAT(read.error().message, HasSubstr(says));
  }
  EXPECT_EQ(NetworkSpec::from_json(with("\"format\":1", "\"format\":2")).error().code,
            Code::kUnsupportedVersion);
}

}  // namespace
}  // namespace palate
