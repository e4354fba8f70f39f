#include "infer/quantize_table.h"

#include <algorithm>
#include <cmath>

#include "math/stored_rows.h"

namespace palate {

Result<Int8Table> quantize_table(std::span<const float> values, size_t width) {
  if (width == 0 || values.size() % width != 0) {
    return fail(Code::kInvalidArgument, "a table of {} numbers has no rows of {}", values.size(),
                width);
  }
  Int8Table table{std::vector<int8_t>(values.size()), std::vector<float>(values.size() / width)};
  for (size_t row = 0; row < table.scales.size(); ++row) {
    const auto from = values.subspan(row * width, width);
    if (!std::ranges::all_of(from, [](float x) { return std::isfinite(x); })) {
      return fail(Code::kInvalidArgument, "row {} of the table is not finite", row);
    }
    table.scales[row] = to_int8(from, table.codes.data() + row * width);
  }
  return table;
}

}  // namespace palate
