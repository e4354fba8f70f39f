// How the numbers of a network are kept: its layers and its tables.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace palate {

// kInt4 is for tables alone.
enum class Precision : uint8_t { kF32, kBf16, kInt8, kInt4 };

inline constexpr std::array<std::string_view, 4> kPrecisionNames{"fp32", "bf16", "int8", "int4"};
constexpr std::string_view precision_name(Precision precision) {
  return kPrecisionNames[static_cast<size_t>(precision)];
}
inline Result<Precision> parse_precision(std::string_view name) {
  for (size_t i = 0; i < kPrecisionNames.size(); ++i) {
    if (kPrecisionNames[i] == name) return static_cast<Precision>(i);
  }
  return fail(Code::kInvalidArgument, "no precision is called '{}': fp32, bf16, int8 or int4",
              name);
}

}  // namespace palate
