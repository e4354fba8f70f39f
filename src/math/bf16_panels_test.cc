#include "math/bf16_panels.h"

#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "math/every_target.h"
#include "math/philox.h"

namespace palate {
namespace {

TEST(Bf16, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(from_bf16(to_bf16(1.0F)), 1.0F);
  EXPECT_EQ(from_bf16(to_bf16(1 + 0x1p-8F)), 1.0F);            // a tie: to even
  EXPECT_EQ(from_bf16(to_bf16(1 + 0x3p-8F)), 1 + 0x1p-6F);     // a tie: to even
  EXPECT_EQ(from_bf16(to_bf16(1 + 0x1.01p-8F)), 1 + 0x1p-7F);  // above a tie
  EXPECT_EQ(from_bf16(to_bf16(-1 - 0x1.01p-8F)), -1 - 0x1p-7F);
  EXPECT_EQ(from_bf16(to_bf16(0x1p-133F)), 0x1p-133F);  // a denormal
  EXPECT_TRUE(std::isinf(from_bf16(to_bf16(std::numeric_limits<float>::max()))));
  EXPECT_TRUE(std::isnan(from_bf16(to_bf16(std::nanf("")))));
  Philox random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto value = static_cast<float>(random.normal());
    EXPECT_LE(std::abs(from_bf16(to_bf16(value)) - value), std::abs(value) * 0x1p-8F);
  }
}

TEST(Bf16, RowsOfEightBitsAreOffByHalfAStepAtMost) {
  Philox random(2);
  std::vector<float> row(77);
  std::vector<int8_t> codes(77);
  for (const double size : {0.0, 1e-30, 1.0, 1e30}) {
    for (float& value : row) value = static_cast<float>(random.normal() * size);
    const float scale = to_int8(row, codes.data());
    StoredRows stored(codes.data(), 1, 77, Width::kInt8);
    stored.scale = &scale;
    std::vector<float> wide(77);
    widen_row(stored, 0, wide.data());
    for (size_t d = 0; d < 77; ++d) EXPECT_LE(std::abs(wide[d] - row[d]), scale * 0.5001F);
  }
}

enum class Kind { kNormal, kTies, kDenormal, kWide, kHuge, kNotFinite };

std::vector<uint16_t> draw(Philox& random, size_t count, Kind kind) {
  std::vector<uint16_t> out(count);
  for (uint16_t& value : out) {
    double x = random.normal();
    if (kind == Kind::kTies) x = static_cast<double>(random.below(5)) - 2;
    if (kind == Kind::kDenormal) x *= 1e-39;
    if (kind == Kind::kWide) x *= std::exp(random.normal() * 6);
    if (kind == Kind::kHuge) x *= 1e18;
    value = to_bf16(static_cast<float>(x));
    if (kind == Kind::kNotFinite && random.below(40) == 0) value = 0x7f80 | (random.below(2) << 6);
  }
  return out;
}

using Lists = std::vector<std::vector<ScoredIndex>>;

// One list a query; `scan` fills the queries' TopKs.
Lists lists_of(const std::vector<float>& vectors, size_t dim,
               const std::function<void(std::span<PanelQuery>)>& scan) {
  std::vector<TopK> best(vectors.size() / dim, TopK(9));
  std::vector<PanelQuery> queries;
  static const std::vector<uint64_t> blocked(3, 0xf0f00ff00f0fff00);
  for (size_t q = 0; q < best.size(); ++q) {
    const std::span<const uint64_t> filter(blocked.data(), q % 2 == 0 ? 3 : 0);
    queries.push_back({vectors.data() + q * dim, filter, &best[q]});
  }
  scan(queries);
  Lists out;
  for (TopK& top : best) out.push_back(top.take());
  return out;
}

void compare(Philox& random, Kind rows_kind, Measure measure) {
  const size_t count = 1 + random.below(400), dim = 1 + random.below(90);
  const auto rows = draw(random, count * dim, rows_kind);
  // Queries of every kind meet rows of each.
  std::vector<float> vectors;
  for (size_t q = 0; q < 18; ++q) {
    for (const uint16_t value : draw(random, dim, static_cast<Kind>(q % 6))) {
      vectors.push_back(from_bf16(value) * (1 + 0x1p-10F * static_cast<float>(q % 3)));
    }
  }
  const StoredRows stored(rows.data(), count, dim, Width::kBf16);
  const auto wide = pack_panels(stored);
  const Bf16Panels narrow = pack_bf16_panels(stored);
  const size_t end = (count + kPanelItems - 1) / kPanelItems;
  const PanelTable table{wide.data(), count, dim, {}, 0, measure};
  const auto expected = lists_of(vectors, dim, [&](auto q) { top_k_panels(table, q, 0, end); });
  for (const bool widen_only : {true, false}) {
    const auto found = lists_of(vectors, dim, [&](auto queries) {
      const Bf16Table from{&narrow, table, widen_only};
      top_k_bf16_panels(from, queries, 0, end / 2);
      top_k_bf16_panels(from, queries, end / 2, end);
    });
    for (size_t q = 0; q < found.size(); ++q) ASSERT_EQ(found[q], expected[q]) << "query " << q;
  }
}

TEST(Bf16Panels, GiveTheBitsOfTheFp32PanelsTheyWidenTo) {
  for_every_target([] {
    for (uint64_t seed = 0; seed < 120; ++seed) {
      SCOPED_TRACE(testing::Message() << "seed " << seed);
      Philox random(seed, 31);
      compare(random, static_cast<Kind>(seed % 6),
              seed % 5 == 0 ? Measure::kDistance : Measure::kProduct);
    }
  });
}

}  // namespace
}  // namespace palate
