#include "infer/same_network.h"

#include <gmock/gmock.h>

namespace palate {
namespace {

using ::testing::HasSubstr;

NetworkSpec spec() {
  NetworkSpec spec;
  spec.sparse = {{.name = "item", .rows = 10, .width = 4}};
  spec.dense = {{.name = "age", .width = 1}};
  spec.ops = {{.kind = OpKind::kEmbed, .name = "i", .width = 4},
              {.kind = OpKind::kLinear, .name = "o", .inputs = {0}, .width = 1}};
  spec.outputs = {{.name = "click", .value = 1, .link = Link::kSigmoid}};
  return spec;
}

TEST(SameNetwork, RowsAndCalibrationMayDifferAndNothingElse) {
  const NetworkSpec now = spec();
  NetworkSpec before = spec();
  before.sparse[0].rows = 99;
  before.outputs[0].slope = 2;
  before.outputs[0].at = {0.1F};
  before.outputs[0].gives = {0.2F};
  EXPECT_EQ(difference_of(now, before), "");
  const auto spoilt = [&](auto spoil) {
    NetworkSpec other = spec();
    spoil(other);
    return difference_of(now, other);
  };
  EXPECT_THAT(spoilt([](auto& s) { s.sparse[0].width = 8; }), HasSubstr("4 wide, and was 8"));
  EXPECT_THAT(spoilt([](auto& s) { s.sparse[0].pooling = Pooling::kSum; }),
              HasSubstr("another way"));
  EXPECT_THAT(spoilt([](auto& s) { s.sparse[0].owner = FieldOwner::kRequest; }),
              HasSubstr("another's"));
  EXPECT_THAT(spoilt([](auto& s) { s.sparse[0].name = "tag"; }), HasSubstr("did not read 'item'"));
  EXPECT_THAT(spoilt([](auto& s) { s.sparse.push_back({.name = "tag", .rows = 2, .width = 4}); }),
              HasSubstr("'tag', which there is not any more"));
  EXPECT_THAT(spoilt([](auto& s) { s.dense[0].width = 2; }), HasSubstr("1 wide, and was 2"));
  EXPECT_THAT(spoilt([](auto& s) { s.outputs[0].name = "like"; }), HasSubstr("other outcomes"));
  EXPECT_THAT(spoilt([](auto& s) { s.ops[1].activation = Activation::kRelu; }),
              HasSubstr("layers"));
}

}  // namespace
}  // namespace palate
