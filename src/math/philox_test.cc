#include "math/philox.h"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace palate {
namespace {

using Block = std::array<uint32_t, 4>;

// The known answers that come with Random123 (kat_vectors, philox 4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, StreamsAndSeedsDiffer) {
  std::set<uint64_t> first;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (uint64_t stream = 0; stream < 20; ++stream) first.insert(Philox(seed, stream).bits64());
  }
  EXPECT_EQ(first.size(), 400u);
}

TEST(Philox, BelowIsEven) {
  Philox random(11);
  std::vector<int> count(10);
  for (int i = 0; i < 100000; ++i) ++count[random.below(10)];
  for (int c : count) EXPECT_NEAR(c, 10000, 400);  // four standard deviations
}

TEST(Philox, NormalHasMeanZeroAndVarianceOne) {
  Philox random(12);
  double sum = 0, square = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.normal();
    sum += value;
    square += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.013);
  EXPECT_NEAR(square / kDraws, 1, 0.018);
}

TEST(Philox, UniformsStayBelowOne) {
  Philox random(13);
  for (int i = 0; i < 100000; ++i) {
    const double wide = random.uniform();
    ASSERT_TRUE(wide >= 0 && wide < 1);
  }
}

}  // namespace
}  // namespace palate
