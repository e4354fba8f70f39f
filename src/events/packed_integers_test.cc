#include "events/packed_integers.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

std::vector<int64_t> there_and_back(const std::vector<int64_t>& values) {
  std::string bytes;
  pack_integers(values, bytes);
  ByteSource in(bytes);
  std::vector<int64_t> back(values.size());
  unpack_integers(in, back);
  EXPECT_TRUE(in.finished());
  return back;
}

RC_GTEST_PROP(PackedIntegers, ComeBack, (std::vector<int64_t> values, uint8_t shift)) {
  for (int64_t& value : values) value >>= shift % 64;
  RC_ASSERT(there_and_back(values) == values);
}

TEST(PackedIntegers, EveryWidthComesBack) {
  for (unsigned width = 0; width <= 64; ++width) {
    std::vector<int64_t> values;
    const uint64_t top = width == 0 ? 0 : ~uint64_t{0} >> (64 - width);
    for (uint64_t i = 0; i < 300; ++i) {
      values.push_back(static_cast<int64_t>(i % 3 == 0 ? top : (i * 0x9e3779b97f4a7c15) & top));
    }
    EXPECT_EQ(there_and_back(values), values) << width;
  }
  const std::vector<int64_t> extremes{std::numeric_limits<int64_t>::min(),
                                      std::numeric_limits<int64_t>::max(), 0, -1};
  EXPECT_EQ(there_and_back(extremes), extremes);
}

TEST(PackedIntegers, AnOutlierCostsItsChunkOnly) {
  std::vector<int64_t> values(10'000, 1);
  values[5000] = int64_t{1} << 40;
  std::string bytes;
  pack_integers(values, bytes);
  EXPECT_LE(bytes.size(), kPackedChunk * 41 / 8 + 1 + 79 * 3 + 10);
}

TEST(PackedIntegers, TooFewBytesFail) {
  const std::vector<int64_t> values{1, 200, 3, 4};
  std::string bytes;
  pack_integers(values, bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    ByteSource in(std::string_view(bytes).substr(0, size));
    std::vector<int64_t> back(values.size());
    unpack_integers(in, back);
    EXPECT_TRUE(in.failed()) << size;
  }
  bytes[1] = 60;  // a width that no chunk has
  ByteSource in(bytes);
  std::vector<int64_t> back(values.size());
  unpack_integers(in, back);
  EXPECT_TRUE(in.failed());
}

}  // namespace
}  // namespace palate
