#include "math/bits.h"

#include <vector>

#include <gtest/gtest.h>

#include "math/every_target.h"
#include "math/philox.h"

namespace palate {
namespace {

TEST(Bits, CountsWhatLookingAtEachBitCounts) {
  for_every_target([] {
    Philox random(1);
    for (int turn = 0; turn < 300; ++turn) {
      std::vector<uint64_t> a(random.below(40)), b(random.below(40));
      for (uint64_t& word : a) word = random.bits64() & random.bits64();
      for (uint64_t& word : b) word = turn % 3 == 0 ? ~uint64_t{0} : random.bits64();
      const size_t bits = random.below(2700);
      size_t expected = 0;
      for (size_t i = 0; i < bits; ++i) {
        const bool in_a = i / 64 < a.size() && (a[i / 64] >> i % 64 & 1) != 0;
        const bool in_b = i / 64 < b.size() && (b[i / 64] >> i % 64 & 1) != 0;
        expected += in_a || in_b ? 1 : 0;
      }
      ASSERT_EQ(count_either(a, b, bits), expected) << bits << " bits";
    }
  });
}

}  // namespace
}  // namespace palate
