#include "math/pair_step.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "math/every_target.h"
#include "math/philox.h"

namespace palate {
namespace {

TEST(PairStep, EqualsItsPlainTwinAtEveryLength) {
  for_every_target([] {
    Philox random(6);
    for (size_t dim = 1; dim <= 70; ++dim) {
      std::vector<float> w(dim + 1), h(dim + 1);
      for (auto* row : {&w, &h}) {
        for (float& value : *row) value = static_cast<float>(random.normal());
      }
      auto plain_w = w, plain_h = h;
      const PairStep step{.value = 3, .rate = 0.05F, .w_ridge = 0.2F, .h_ridge = 0.7F};
      double value = double{w[0]} + h[0];
      for (size_t d = 1; d < dim; ++d) value += double{w[d]} * h[d];
      EXPECT_NEAR(pair_value(w.data(), h.data(), dim), value, 1e-4) << dim;
      pair_step(w.data(), h.data(), dim, step);
      plain::pair_step(plain_w.data(), plain_h.data(), dim, step);
      for (size_t d = 0; d <= dim; ++d) {  // the one behind the end, too: it stays
        EXPECT_NEAR(w[d], plain_w[d], 1e-4F * (1 + std::abs(plain_w[d]))) << dim << " " << d;
        EXPECT_NEAR(h[d], plain_h[d], 1e-4F * (1 + std::abs(plain_h[d]))) << dim << " " << d;
      }
      EXPECT_EQ(w[dim], plain_w[dim]);
      EXPECT_EQ(h[dim], plain_h[dim]);
    }
  });
}

}  // namespace
}  // namespace palate
