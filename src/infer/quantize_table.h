// For trainers: a table of embeddings in 8 bits, a scale a row, as NetworkWeights reads it.
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

}  // namespace palate
