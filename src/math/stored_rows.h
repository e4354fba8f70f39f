// Vectors as they are kept: in fp32, in bf16 (the upper half of an fp32), or in whole numbers of 8
// bits. What a row means is what it widens to in fp32, exactly; searching it asks for no more than
// that, so bf16 and int8 halve and quarter what is read and held without a second kind of answer.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "math/rows.h"

namespace palate {

enum class Width : uint8_t { kF32, kBf16, kInt8 };
constexpr size_t width_bytes(Width width) {
  return width == Width::kF32 ? 4 : width == Width::kBf16 ? 2 : 1;
}

// Row-major without gaps, of any dimension. Not owning. Value d of row i is the product, rounded to
// fp32, of what is kept there and scale[i]; `scale` nullptr: ones.
struct StoredRows {
  const void* data = nullptr;
  size_t count = 0;
  size_t dim = 0;
  Width width = Width::kF32;
  const float* scale = nullptr;

  StoredRows() = default;
  StoredRows(const RowsView& rows, const float* scales = nullptr)  // NOLINT: fp32 rows are rows
      : data(rows.data), count(rows.count), dim(rows.dim), scale(scales) {}
  StoredRows(const void* from, size_t rows, size_t columns, Width of)
      : data(from), count(rows), dim(columns), width(of) {}

  [[nodiscard]] const std::byte* row(size_t i) const {
    return static_cast<const std::byte*>(data) + i * dim * width_bytes(width);
  }
};

// Row i in fp32, scaled: dim floats.
void widen_row(const StoredRows& rows, size_t i, float* out);

inline float from_bf16(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}
// To the nearest, ties to even; NaN stays NaN, and what is larger than the largest is infinite.
inline uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (value != value) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
// Codes in [-127, 127] and the scale that their row has with them; zeros have scale 1. Values must
// be finite.
float to_int8(std::span<const float> row, int8_t* codes);

}  // namespace palate
