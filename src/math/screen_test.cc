#include "math/screen.h"

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "math/every_target.h"
#include "math/philox.h"

namespace palate {
namespace {

struct Codes {
  size_t groups, items;
  std::vector<uint8_t> units;
  std::vector<std::vector<int8_t>> queries;

  Codes(size_t dim, size_t count, int query_max, bool extreme)
      : groups(screen_groups(dim)), items(count) {
    Philox random(11, dim * 1000 + count);
    const auto draw = [&](int largest) {
      const auto width = static_cast<uint32_t>(2 * largest + 1);
      const int any = static_cast<int>(random.below(width)) - largest;
      return static_cast<int8_t>(!extreme ? any : any < 0 ? -largest : largest);
    };
    units.assign((count + kUnitItems - 1) / kUnitItems * screen_unit_bytes(dim), 128);
    std::vector<int8_t> row(4 * groups, 0);
    for (size_t item = 0; item < count; ++item) {
      for (size_t d = 0; d < dim; ++d) row[d] = draw(127);
      place_codes(row.data(), groups, item, units.data());
    }
    for (size_t q = 0; q < kScreenTile; ++q) {
      queries.emplace_back(4 * groups, 0);
      for (size_t d = 0; d < dim; ++d) queries[q][d] = draw(query_max);
    }
  }
};

using Sums = std::map<std::pair<size_t, size_t>, int32_t>;  // by query and item

Sums sums_of(const Codes& codes, size_t queries, const ScreenKernel& kernel, int32_t above) {
  Sums sums;
  ScreenTile tile{.codes = codes.units.data(), .groups = codes.groups, .to = &sums};
  tile.end = codes.units.size() / (codes.groups * 4 * kUnitItems);
  tile.count = queries;
  tile.above.fill(above);
  for (size_t q = 0; q < queries; ++q) tile.queries[q] = codes.queries[q].data();
  tile.report = [](void* to, ScreenTile& of, const ScreenHits& hits) {
    EXPECT_NE(hits.lanes, 0u);
    for (size_t lane = 0; lane < kUnitItems; ++lane) {
      if ((hits.lanes >> lane & 1) == 0) continue;
      EXPECT_GT(hits.sums[lane], of.above[hits.query]);
      const auto key = std::pair{hits.query, hits.unit * kUnitItems + lane};
      const bool first = static_cast<Sums*>(to)->emplace(key, hits.sums[lane]).second;
      EXPECT_TRUE(first) << "an item twice";
    }
  };
  kernel.run(tile);
  return sums;
}

TEST(Screen, EveryKernelGivesThePlainSums) {
  const ScreenKernel& plain = screen_kernels().back();
  ASSERT_EQ(plain.name, "plain");
  for (const ScreenKernel& kernel : screen_kernels()) {
    SCOPED_TRACE(kernel.name);
    for (const size_t dim : {1, 3, 4, 64, 65, 300}) {
      for (const size_t items : {1, 63, 64, 65, 200}) {
        for (const bool extreme : {false, true}) {
          const Codes codes(dim, items, kernel.query_code_max, extreme);
          for (size_t queries = 0; queries <= kScreenTile; ++queries) {
            for (const int32_t above : {std::numeric_limits<int32_t>::min(), 0, 20'000}) {
              ASSERT_EQ(sums_of(codes, queries, kernel, above),
                        sums_of(codes, queries, plain, above))
                  << items << " items, dim " << dim << ", " << queries << " queries";
            }
          }
        }
      }
    }
  }
}

TEST(Screen, PlainSumsAreThoseOfTheLayoutsWords) {
  Codes codes(5, 70, 127, false);
  std::vector<int8_t> row(8, 0);
  for (size_t d = 0; d < 5; ++d) row[d] = static_cast<int8_t>(20 * static_cast<int>(d) - 50);
  place_codes(row.data(), codes.groups, 66, codes.units.data());
  const auto sums = sums_of(codes, 1, screen_kernels().back(), -1'000'000);
  int32_t expected = 0;
  for (size_t d = 0; d < 8; ++d) expected += (row[d] + 128) * codes.queries[0][d];
  EXPECT_EQ(sums.at({0, 66}), expected);
}

TEST(Screen, ALimitRaisedOnTheWayHoldsFromThereOn) {
  for (const ScreenKernel& kernel : screen_kernels()) {
    SCOPED_TRACE(kernel.name);
    const Codes codes(16, 640, kernel.query_code_max, false);
    for (const size_t queries : {1, 2, 6}) {
      ScreenTile tile{.codes = codes.units.data(), .groups = codes.groups};
      tile.end = 10;
      tile.count = queries;
      tile.above.fill(std::numeric_limits<int32_t>::min());
      for (size_t q = 0; q < queries; ++q) tile.queries[q] = codes.queries[q].data();
      size_t reports = 0;
      tile.to = &reports;
      tile.report = [](void* to, ScreenTile& of, const ScreenHits& hits) {
        ++*static_cast<size_t*>(to);
        of.above[hits.query] = std::numeric_limits<int32_t>::max();
      };
      kernel.run(tile);
      EXPECT_EQ(reports, queries);
    }
  }
}

TEST(Screen, WhatRoundingLosesIsAtMostWhatQuantizeSays) {
  for_every_target([] {
    Philox random(5, 5);
    for (const size_t dim : {1, 15, 16, 17, 64, 300, 2048}) {
      for (const double size : {1e-28, 1e-3, 1.0, 1e20}) {
        std::vector<float> values(dim);
        float largest = 0;
        for (float& value : values) {
          value = static_cast<float>(random.normal() * size);
          largest = std::max(largest, std::abs(value));
        }
        const float step = std::max(largest / 127, 1e-30F);
        std::vector<int8_t> codes(dim, 99);
        const double said = quantize(values, step, codes.data());
        double lost = 0, square = 0;
        for (const float value : values) square += double{value} * value;
        EXPECT_EQ(extent(values).largest, largest);
        EXPECT_GE(extent(values).length, std::sqrt(square));
        EXPECT_LE(extent(values).length, std::sqrt(square) * (1 + 1e-8));
        for (size_t d = 0; d < dim; ++d) {
          const double off = values[d] / double{step} - codes[d];
          EXPECT_LT(std::abs(off), 0.5001);
          lost += off * off;
        }
        EXPECT_LE(std::sqrt(lost), said);
        EXPECT_LE(said, std::sqrt(lost) * 1.01 + 1e-3 * std::sqrt(static_cast<double>(dim)));
      }
    }
  });
}

TEST(Screen, AnExtentIsNotFiniteWhereAValueIsNot) {
  for_every_target([] {
    for (const float odd : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      for (const size_t at : {0, 7, 15, 16, 18}) {
        std::vector<float> values(19, 1.0F);
        values[at] = odd;
        EXPECT_FALSE(std::isfinite(extent(values).length)) << at;
      }
    }
    EXPECT_EQ(extent({}).length, 0);
  });
}

}  // namespace
}  // namespace palate
