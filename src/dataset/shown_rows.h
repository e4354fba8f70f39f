// What estimates of exposure_bias.h share: how far positions and responses go, and counts of them.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "dataset/exposure_bias.h"

namespace palate {

struct ShownRange {
  size_t positions = 0, responses = 0;
};

// Errors: kInvalidArgument with the row.
inline Result<ShownRange> range_of(std::span<const ShownRow> rows) {
  ShownRange range;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].position >= kShownPositionsMax || rows[i].response >= kResponsesMax) {
      return fail(Code::kInvalidArgument,
                  "row {} has position {} and response {}: positions are less than {}, responses "
                  "than {}",
                  i, rows[i].position, rows[i].response, kShownPositionsMax, kResponsesMax);
    }
    range.positions = std::max<size_t>(range.positions, rows[i].position + 1U);
    range.responses = std::max<size_t>(range.responses, rows[i].response + 1U);
  }
  range.responses = std::max<size_t>(range.responses, 2);
  return range;
}

}  // namespace palate
