#include "infer/quantize_table.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "math/philox.h"
#include "math/stored_rows.h"

namespace palate {
namespace {

TEST(QuantizeTable, ANumberIsOffByHalfAStepAtMost) {
  std::vector<float> values{0.5F, -2, 1.25F, 0, 0, 0, 1e-6F, 3e-6F, -2e-6F};
  const auto table = quantize_table(values, 3);
  ASSERT_TRUE(table.has_value()) << table.error().message;
  ASSERT_EQ(table->scales.size(), 3u);
  EXPECT_FLOAT_EQ(table->scales[0], 2.0F / 127);
  for (size_t i = 0; i < values.size(); ++i) {
    const float scale = table->scales[i / 3];
    EXPECT_LE(std::abs(static_cast<float>(table->codes[i]) * scale - values[i]), 0.501F * scale);
  }
  EXPECT_EQ(table->codes[1], -127);
  EXPECT_EQ(table->codes[4], 0);
}

// What a row of Int4Table stands for, from the header's words.
std::vector<double> values_of(const Int4Table& table, size_t row, size_t width) {
  const uint8_t* codes = table.codes.data() + row * int4_row_bytes(width);
  const double step = from_bf16(table.steps[2 * row]), low = from_bf16(table.steps[2 * row + 1]);
  std::vector<double> out;
  for (size_t d = 0; d < width; ++d) out.push_back(low + step * (codes[d / 2] >> d % 2 * 4 & 15));
  return out;
}

TEST(QuantizeTable, FourBitsLoseNoMoreThanEvenStepsOverTheRange) {
  Philox random(51);
  double even = 0, off = 0;
  for (const size_t width : {5, 16, 33}) {
    std::vector<float> values;
    for (size_t i = 0; i < 200 * width; ++i) {
      values.push_back(static_cast<float>(0.01 * random.normal() + 0.005));
    }
    const auto table = quantize_table_int4(values, width);
    ASSERT_TRUE(table.has_value()) << table.error().message;
    ASSERT_EQ(table->codes.size(), 200 * int4_row_bytes(width));
    for (size_t row = 0; row < 200; ++row) {
      const auto from = std::span(values).subspan(row * width, width);
      const auto [least, most] = std::ranges::minmax(from);
      const auto kept = values_of(*table, row, width);
      for (size_t d = 0; d < width; ++d) {
        const double step = (most - least) / 15;
        even += std::pow(step * std::nearbyint((from[d] - least) / step) + least - from[d], 2);
        off += std::pow(kept[d] - from[d], 2);
      }
    }
  }
  EXPECT_LT(off, 0.95 * even) << "ends left out pay";
}

TEST(QuantizeTable, FourBitsKeepConstantsAndLittle) {
  const std::vector<float> values{0, 0, 0, 0.5F, 0.5F, 0.5F, -3, 12, 0, 1e-37F, 2e-37F, -1e-37F};
  const auto table = quantize_table_int4(values, 3);
  ASSERT_TRUE(table.has_value()) << table.error().message;
  for (size_t row = 0; row < 4; ++row) {
    const auto kept = values_of(*table, row, 3);
    for (size_t d = 0; d < 3; ++d) {
      const double most = row == 2 ? 0.6 : row == 3 ? 2e-38 : 0;
      EXPECT_NEAR(kept[d], values[row * 3 + d], most) << row << ", " << d;
    }
  }
}

TEST(QuantizeTable, WhatIsNoTableIsRefused) {
  std::vector<float> values{1, 2, 3, NAN};
  EXPECT_EQ(quantize_table(values, 3).error().code, Code::kInvalidArgument);
  EXPECT_EQ(quantize_table_int4(values, 3).error().code, Code::kInvalidArgument);
  EXPECT_EQ(quantize_table_int4(values, 2).error().code, Code::kInvalidArgument);
  EXPECT_EQ(quantize_table_int4(std::vector{2e38F, 1.0F}, 2).error().code, Code::kInvalidArgument);
  EXPECT_EQ(quantize_table(values, 0).error().code, Code::kInvalidArgument);
  EXPECT_NE(quantize_table(values, 2).error().message.find("row 1"), std::string::npos);
}

}  // namespace
}  // namespace palate
