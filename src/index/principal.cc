#include "index/principal.h"

#include <algorithm>
#include <cmath>

namespace palate {

std::vector<float> principal_direction(const RowsView& centred) {
  constexpr int kIterations = 4;
  std::vector<float> direction(centred.dim, 1.0F / std::sqrt(static_cast<float>(centred.dim)));
  std::vector<float> products(centred.count);
  for (int i = 0; i < kIterations; ++i) {
    rows_dot(centred, direction.data(), products.data());
    std::vector<float> next(centred.dim, 0.0F);
    for (size_t r = 0; r < centred.count; ++r) {
      axpy(products[r], centred.row(r), next.data(), centred.dim);
    }
    const float length = std::sqrt(dot(next.data(), next.data(), centred.dim));
    if (!(length > 0)) break;  // all the same
    for (size_t d = 0; d < centred.dim; ++d) direction[d] = next[d] / length;
  }
  return direction;
}

}  // namespace palate
