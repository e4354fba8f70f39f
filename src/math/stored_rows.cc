#include "math/stored_rows.h"

#include <algorithm>
#include <cmath>

namespace palate {
namespace {

template <class T, class F>
void widen(const StoredRows& rows, size_t i, float* out, F to_float) {
  const auto* from = reinterpret_cast<const T*>(rows.row(i));
  if (rows.scale == nullptr) {
    for (size_t d = 0; d < rows.dim; ++d) out[d] = to_float(from[d]);
    return;
  }
  const float scale = rows.scale[i];
  for (size_t d = 0; d < rows.dim; ++d) out[d] = to_float(from[d]) * scale;
}

}  // namespace

void widen_row(const StoredRows& rows, size_t i, float* out) {
  switch (rows.width) {
    case Width::kF32:
      return widen<float>(rows, i, out, [](float value) { return value; });
    case Width::kBf16:
      return widen<uint16_t>(rows, i, out, from_bf16);
    case Width::kInt8:
      return widen<int8_t>(rows, i, out, [](int8_t code) { return static_cast<float>(code); });
  }
}

float to_int8(std::span<const float> row, int8_t* codes) {
  float largest = 0;
  for (const float value : row) largest = std::max(largest, std::abs(value));
  // Below, 127 steps would have no room among the denormals.
  const float scale = largest > 1e-35F ? largest / 127 : 1;
  for (size_t d = 0; d < row.size(); ++d) {
    codes[d] = static_cast<int8_t>(std::clamp(std::nearbyint(row[d] / scale), -127.0F, 127.0F));
  }
  return scale;
}

}  // namespace palate
