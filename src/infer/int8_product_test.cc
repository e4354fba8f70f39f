// Products in 8 bits: every kernel against the plain sums, and how far they are off fp32.
#include "infer/int8_product.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "math/every_target.h"
#include "math/philox.h"

namespace palate {
namespace {

TEST(Int8Product, EveryKernelGivesThePlainSums) {
  ASSERT_EQ(int8_kernels().back().name, "plain");
  for (const Int8Kernel& kernel : int8_kernels()) {
    SCOPED_TRACE(kernel.name);
    for (const size_t rows : {1, 3, 4, 11, 12, 29}) {
      for (const size_t groups : {2, 4, 18, 1000}) {
        for (const bool extreme : {false, true}) {
          Philox random(41, rows * 1000 + groups);
          TableOf<uint8_t> left(rows * groups * 4);
          TableOf<int8_t> weights(groups * 4 * kPanelColumns);
          for (auto& code : left) code = static_cast<uint8_t>(extreme ? 127 : random.below(128));
          for (auto& code : weights) {
            const int most = kernel.weight_code_max;
            const int any = static_cast<int>(random.below(2 * most + 1)) - most;
            code = static_cast<int8_t>(!extreme ? any : any < 0 ? -most : most);
          }
          TableOf<int32_t> sums(rows * kPanelColumns), expected(sums.size());
          kernel.run({left.data(), rows, weights.data(), groups, sums.data()});
          int8_plain({left.data(), rows, weights.data(), groups, expected.data()});
          ASSERT_EQ(sums, expected) << rows << " rows, " << groups << " groups";
        }
      }
    }
  }
}

struct Layer {
  std::vector<float> left, weight, bias;
  PackedWeights packed;
  Int8Weights int8;

  Layer(size_t rows, size_t columns, size_t outputs, std::vector<ColumnRun> runs) {
    Philox random(43, columns);
    for (size_t i = 0; i < rows * columns; ++i) {
      left.push_back(static_cast<float>(random.normal() + 0.3));
    }
    for (size_t i = 0; i < outputs * columns; ++i) {
      weight.push_back(static_cast<float>(random.normal() * (1 + static_cast<double>(i % 7))));
    }
    for (size_t i = 0; i < outputs; ++i) bias.push_back(static_cast<float>(random.normal()));
    packed = pack_weights(weight, columns, std::move(runs), bias);
    int8 = quantize_weights(packed, int8_kernels().front().weight_code_max);
  }
};

TEST(Int8Product, IsNearTheExactOne) {
  for_every_target([] {
    for (const size_t outputs : {16, 37}) {
      const size_t rows = 30, columns = 203;
      const Layer layer(rows, columns, outputs, {{2, 90}, {101, 203}});
      const Epilogue epilogue{layer.packed.bias.data(), Activation::kNone, {}, {}};
      std::vector<float> exact(rows * outputs), about(exact.size());
      Int8Scratch scratch;
      multiply(layer.packed, {rows, {layer.left.data(), columns}, exact.data(), outputs, epilogue});
      multiply_int8(layer.int8,
                    {rows, {layer.left.data(), columns}, about.data(), outputs, epilogue}, scratch);
      double squares = 0, off = 0;
      for (size_t i = 0; i < exact.size(); ++i) {
        squares += double{exact[i]} * exact[i];
        off += (double{exact[i]} - about[i]) * (double{exact[i]} - about[i]);
      }
      // 63 steps of the largest weight, 127 of a row's range: 0.018 and 0.014 of these numbers.
      EXPECT_LT(std::sqrt(off / squares), 0.025);
      EXPECT_GT(off, 0);
    }
  });
}

TEST(Int8Product, ARowIsTheSameBitsWhateverStandsBesideIt) {
  const size_t rows = 13, columns = 70, outputs = 33;
  const Layer layer(rows, columns, outputs, {{0, 70}});
  for_every_target([&] {
    const Epilogue epilogue{layer.packed.bias.data(), Activation::kSilu, {}, {}};
    std::vector<float> together(rows * outputs), apart(outputs);
    Int8Scratch scratch;
    multiply_int8(layer.int8,
                  {rows, {layer.left.data(), columns}, together.data(), outputs, epilogue},
                  scratch);
    for (size_t i = 0; i < rows; ++i) {
      multiply_int8(
          layer.int8,
          {1, {layer.left.data() + i * columns, columns}, apart.data(), outputs, epilogue},
          scratch);
      for (size_t o = 0; o < outputs; ++o) ASSERT_EQ(apart[o], together[i * outputs + o]);
    }
  });
}

TEST(Int8Product, ZerosAndConstantsStayWhatTheyAre) {
  const std::vector<float> weight(16 * 16, 0.5F);
  const PackedWeights packed = pack_weights(weight, 16, {{0, 16}}, {});
  const Int8Weights int8 = quantize_weights(packed, int8_kernels().front().weight_code_max);
  for (const float x : {0.0F, 3.0F, -3.0F}) {
    const std::vector<float> left(16, x);
    std::vector<float> out(16);
    Int8Scratch scratch;
    multiply_int8(int8, {1, {left.data(), 16}, out.data(), 16, {packed.bias.data(), {}, {}, {}}},
                  scratch);
    for (const float y : out) EXPECT_NEAR(y, 8 * x, 1e-4);
  }
}

}  // namespace
}  // namespace palate
