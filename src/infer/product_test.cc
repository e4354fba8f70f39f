// The products of a layer against sums in double, on every instruction set of this processor.
#include "infer/product.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "math/every_target.h"
#include "math/philox.h"
#include "math/stored_rows.h"

namespace palate {
namespace {

std::vector<float> draw(size_t count, uint64_t stream) {
  Philox random(31, stream);
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(random.normal());
  return out;
}

struct Shape {
  size_t rows, columns, out;
  std::vector<ColumnRun> runs;
};
// Around tiles of 3, 6 and 12 rows, panels of 16 outputs, and gaps in what is read.
const std::vector<Shape> kShapes{{1, 1, 1, {{0, 1}}},
                                 {3, 7, 5, {{0, 7}}},
                                 {6, 16, 16, {{0, 16}}},
                                 {7, 40, 17, {{0, 40}}},
                                 {13, 33, 64, {{1, 9}, {20, 33}}},
                                 {25, 100, 33, {{0, 100}}},
                                 {11, 70, 1, {{3, 40}, {41, 70}}},
                                 {12, 64, 48, {{0, 64}}},
                                 {5, 9, 31, {}}};

double activated(double x, Activation activation) {
  const double gate = 1 / (1 + std::exp(-x));
  switch (activation) {
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kSigmoid:
      return gate;
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kSilu:
      return x * gate;
    default:
      return x;
  }
}

struct Case {
  const Shape& shape;
  Activation activation;
  bool crossed;
};

void expect_plain(const Case& one) {
  constexpr float kUntouched = 12345;
  const auto& [rows, columns, out, runs] = one.shape;
  const size_t left_stride = columns + 3, out_stride = out + 5;
  const auto left = draw(rows * left_stride, 1), weight = draw(out * columns, 2);
  const auto bias = draw(out, 3), times = draw(rows * out, 4), plus = draw(out, 5);
  const PackedWeights packed = pack_weights(weight, columns, runs, bias);
  std::vector<float> result(rows * out_stride, kUntouched);
  Block block{rows, {left.data(), left_stride}, result.data(), out_stride, {}};
  block.epilogue = {packed.bias.data(), one.activation, {}, {}};
  if (one.crossed) block.epilogue.times = {times.data(), out};
  if (one.crossed) block.epilogue.plus = {plus.data(), 0};  // one row for all
  multiply(packed, block);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t o = 0; o < out_stride; ++o) {
      const float got = result[i * out_stride + o];
      if (o >= out) {
        ASSERT_EQ(got, kUntouched) << "row " << i << " behind its width";
        continue;
      }
      double sum = bias[o];
      for (const ColumnRun& run : runs) {
        for (size_t k = run.begin; k < run.end; ++k) {
          sum += double{left[i * left_stride + k]} * weight[o * columns + k];
        }
      }
      double expected = activated(sum, one.activation);
      if (one.crossed) expected = times[i * out + o] * expected + plus[o];
      ASSERT_NEAR(got, expected, 2e-5 * (1 + std::abs(expected))) << "row " << i << ", " << o;
    }
  }
}

TEST(Product, IsThePlainSumWithEveryEnding) {
  for_every_target([] {
    for (const Shape& shape : kShapes) {
      for (int activation = 0; activation < 5; ++activation) {
        for (const bool crossed : {false, true}) {
          SCOPED_TRACE(testing::Message() << shape.rows << " x " << shape.columns << " to "
                                          << shape.out << ", activation " << activation);
          expect_plain({shape, static_cast<Activation>(activation), crossed});
        }
      }
    }
  });
}

TEST(Product, ActivationsHoldFarOut) {
  for_every_target([] {
    for (const float x : {-1e30F, -200.0F, -30.0F, 0.0F, 30.0F, 200.0F, 1e30F}) {
      const std::vector<float> one{1};
      const PackedWeights packed = pack_weights(one, 1, {{0, 1}}, {});
      for (const auto activation : {Activation::kSigmoid, Activation::kTanh, Activation::kSilu}) {
        float got = 0;
        multiply(packed, {1, {&x, 1}, &got, 1, {packed.bias.data(), activation, {}, {}}});
        const double expected = activated(x, activation);
        EXPECT_NEAR(got, expected, 1e-6 * (1 + std::abs(expected))) << x;
      }
    }
  });
}

TEST(Product, ARowIsTheSameBitsWhateverStandsBesideIt) {
  for_every_target([] {
    const size_t columns = 50, out = 37, rows = 29;
    const auto left = draw(rows * columns, 6), weight = draw(out * columns, 7);
    const PackedWeights packed = pack_weights(weight, columns, {{0, 50}}, {});
    const Epilogue epilogue{packed.bias.data(), Activation::kSilu, {}, {}};
    std::vector<float> together(rows * out), apart(out);
    multiply(packed, {rows, {left.data(), columns}, together.data(), out, epilogue});
    for (size_t i = 0; i < rows; ++i) {
      multiply(packed, {1, {left.data() + i * columns, columns}, apart.data(), out, epilogue});
      for (size_t o = 0; o < out; ++o) ASSERT_EQ(apart[o], together[i * out + o]);
    }
  });
}

// Widened in registers, and nothing else is different.
TEST(Product, WeightsInBf16AreTheSameBitsAsTheirValuesInFp32) {
  for_every_target([] {
    for (const Shape& shape : kShapes) {
      const auto left = draw(shape.rows * shape.columns, 8), bias = draw(shape.out, 10);
      auto weight = draw(shape.out * shape.columns, 9);
      PackedWeights halves = pack_weights(weight, shape.columns, shape.runs, bias);
      narrow_to_bf16(halves);
      EXPECT_TRUE(halves.data.empty());
      for (float& value : weight) value = from_bf16(to_bf16(value));
      const PackedWeights whole = pack_weights(weight, shape.columns, shape.runs, bias);
      std::vector<float> exact(shape.rows * shape.out), got(exact.size());
      const Epilogue epilogue{whole.bias.data(), Activation::kRelu, {}, {}};
      const BlockView from{left.data(), shape.columns};
      multiply(whole, {shape.rows, from, exact.data(), shape.out, epilogue});
      multiply(halves, {shape.rows, from, got.data(), shape.out, epilogue});
      ASSERT_EQ(got, exact) << shape.rows << " rows of " << shape.columns;
    }
  });
}

}  // namespace
}  // namespace palate
