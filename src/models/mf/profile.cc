#include "models/mf/profile.h"

#include <cmath>

namespace palate {

void MfProfiles::of_user(std::span<const uint32_t> items, std::span<double> out) const {
  if (size == 0) return;
  const size_t width = size - 1;
  for (size_t d = 0; d < size; ++d) out[d] = 0;
  for (const uint32_t item : items) {
    for (size_t d = 0; d < width; ++d) out[d] += vectors[item * width + d];
  }
  const auto count = static_cast<double>(items.size());
  for (size_t d = 0; d < width; ++d) out[d] /= std::sqrt(std::max(1.0, count));
  out[width] = std::log1p(count);
  for (size_t d = 0; d < size; ++d) out[d] = (out[d] - mean[d]) / deviation[d];
}

}  // namespace palate
