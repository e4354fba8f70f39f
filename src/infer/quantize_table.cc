#include "infer/quantize_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "math/stored_rows.h"

namespace palate {
namespace {

Status check_table(std::span<const float> values, size_t width, float most) {
  if (width == 0 || values.size() % width != 0) {
    return fail(Code::kInvalidArgument, "a table of {} numbers has no rows of {}", values.size(),
                width);
  }
  const auto odd = std::ranges::find_if(
      values, [&](float x) { return !std::isfinite(x) || std::abs(x) > most; });
  if (odd == values.end()) return {};
  return fail(Code::kInvalidArgument, "row {} of the table is not finite, or holds more than {}",
              static_cast<size_t>(odd - values.begin()) / width, most);
}

struct Range {
  uint16_t step = 0, low = 0;  // bf16
  [[nodiscard]] int code_of(float x) const {
    const double wide = from_bf16(step);
    if (wide == 0) return 0;
    return static_cast<int>(
        std::clamp(std::nearbyint((double{x} - from_bf16(low)) / wide), 0.0, 15.0));
  }
  [[nodiscard]] double value_of(int code) const {
    return double{from_bf16(step)} * code + from_bf16(low);
  }
  // The sum of squares of what a row is off.
  [[nodiscard]] double off(std::span<const float> row) const {
    double sum = 0;
    for (const float x : row) sum += (value_of(code_of(x)) - x) * (value_of(code_of(x)) - x);
    return sum;
  }
};

Range best_range(std::span<const float> row) {
  constexpr int kTries = 5;
  constexpr double kShare = 0.04;  // of the range, that a try leaves out at an end
  const auto [least, most] = std::ranges::minmax(row);
  const double width = double{most} - least;
  Range best;
  double off = -1;
  for (int below = 0; below < kTries; ++below) {
    for (int above = 0; above < kTries; ++above) {
      const uint16_t low = to_bf16(static_cast<float>(least + below * kShare * width));
      const double high = most - above * kShare * width;
      const Range range{to_bf16(static_cast<float>(std::max(high - from_bf16(low), 0.0) / 15)),
                        low};
      const double here = range.off(row);
      if (off < 0 || here < off) off = here, best = range;
    }
  }
  return best;
}

}  // namespace

Result<Int8Table> quantize_table(std::span<const float> values, size_t width) {
  TRY(check_table(values, width, std::numeric_limits<float>::max()));
  Int8Table table{std::vector<int8_t>(values.size()), std::vector<float>(values.size() / width)};
  for (size_t row = 0; row < table.scales.size(); ++row) {
    table.scales[row] =
        to_int8(values.subspan(row * width, width), table.codes.data() + row * width);
  }
  return table;
}

Result<Int4Table> quantize_table_int4(std::span<const float> values, size_t width) {
  TRY(check_table(values, width, 1e38F));
  const size_t rows = values.size() / width, bytes = int4_row_bytes(width);
  Int4Table table{std::vector<uint8_t>(rows * bytes), std::vector<uint16_t>(rows * 2)};
  for (size_t row = 0; row < rows; ++row) {
    const auto from = values.subspan(row * width, width);
    const Range range = best_range(from);
    table.steps[2 * row] = range.step;
    table.steps[2 * row + 1] = range.low;
    for (size_t d = 0; d < width; ++d) {
      uint8_t& both = table.codes[row * bytes + d / 2];
      both = static_cast<uint8_t>(both | range.code_of(from[d]) << (d % 2 * 4));
    }
  }
  return table;
}

}  // namespace palate
