#include "learn/gradient_surgery.h"

#include <utility>

#include "base/check.h"
#include "math/philox.h"

namespace palate {

std::vector<double> pcgrad_weights(std::span<const double> inner, size_t tasks, uint64_t seed) {
  PALATE_CHECK(inner.size() == tasks * tasks, "an inner product of each two gradients");
  std::vector<double> weights(tasks);
  for (size_t i = 0; i < tasks; ++i) {
    Philox random(seed, i);
    std::vector<size_t> order(tasks);
    for (size_t j = 0; j < tasks; ++j) {
      order[j] = j;
      std::swap(order[j], order[random.below(static_cast<uint32_t>(j + 1))]);
    }
    std::vector<double> mine(tasks);  // the gradient is Σ_k mine_k gradient_k
    mine[i] = 1;
    for (const size_t j : order) {
      double product = 0;
      for (size_t k = 0; k < tasks; ++k) product += mine[k] * inner[k * tasks + j];
      const double length = inner[j * tasks + j];
      if (j != i && product < 0 && length > 0) mine[j] -= product / length;
    }
    for (size_t k = 0; k < tasks; ++k) weights[k] += mine[k];
  }
  return weights;
}

}  // namespace palate
