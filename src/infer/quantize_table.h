// For trainers: a table of embeddings in 8 or 4 bits, as NetworkWeights reads it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace palate {

struct Int8Table {
  std::vector<int8_t> codes;  // [rows × width], in [-127, 127]: tensor "table.<field>"
  std::vector<float> scales;  // [rows]: tensor "table_scale.<field>"
};
// `values`: rows of `width` numbers, row-major. A number is off by at most half its row's scale,
// which is the row's largest absolute value / 127. Errors: kInvalidArgument with the row that is
// not finite, or where the values are no whole rows.
Result<Int8Table> quantize_table(std::span<const float> values, size_t width);

constexpr size_t int4_row_bytes(size_t width) { return (width + 1) / 2; }

struct Int4Table {
  std::vector<uint8_t> codes;   // [rows × int4_row_bytes(width)], the lower bits first
  std::vector<uint16_t> steps;  // [rows × 2]: step and lowest value in bf16
};
// A number is step · code + lowest, its code in 0 … 15. The range of a row is its own, or a little
// narrower where that makes the sum of squares of what is off smaller (Guan et al. 2019,
// "Post-Training 4-bit Quantization on Embedding Tables", section 3). Errors: as of
// quantize_table(); numbers beyond ±1e38 are refused, too.
Result<Int4Table> quantize_table_int4(std::span<const float> values, size_t width);

}  // namespace palate
