// The fields that a filter expression may name, and what may be asked of each.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "recommend/filter_expression.h"

namespace palate {

enum class FilterValues { kTexts, kTextsOrNumbers, kTimes };

struct FilterFieldInfo {
  std::string_view name;
  FilterField field;
  FilterValues values;
  uint32_t ops;  // a bit for each FilterOp
};

std::span<const FilterFieldInfo> filter_fields();

std::string_view filter_op_name(FilterOp op);              // "<=", "not in", …
std::optional<FilterOp> filter_op(std::string_view sign);  // of those that are signs
std::string filter_op_names(uint32_t ops);                 // "=, != and in"

}  // namespace palate
