#include "infer/quantize_table.h"

#include <cmath>

#include <gtest/gtest.h>

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

TEST(QuantizeTable, WhatIsNoTableIsRefused) {
  std::vector<float> values{1, 2, 3, NAN};
  EXPECT_EQ(quantize_table(values, 3).error().code, Code::kInvalidArgument);
  EXPECT_EQ(quantize_table(values, 0).error().code, Code::kInvalidArgument);
  EXPECT_NE(quantize_table(values, 2).error().message.find("row 1"), std::string::npos);
}

}  // namespace
}  // namespace palate
