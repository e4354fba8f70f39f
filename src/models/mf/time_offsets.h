// Time-aware biases: how much higher than usual an item was rated in each stretch of time, and all
// items together (Koren, "Collaborative filtering with temporal dynamics", KDD 2009, section 3).
// They see the time of the rating that is predicted; with a random split that is the future.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace palate {

struct MfTimeOffsets {
  size_t bins = 0;  // 0: there are none
  TimeUs first, last;
  std::vector<float> offset;  // items × bins

  // Times before the first and after the last fall into the outer bins.
  [[nodiscard]] size_t bin_of(TimeUs ts) const {
    if (last.us <= first.us) return 0;
    const double share =
        static_cast<double>(ts.us - first.us) / static_cast<double>(last.us - first.us);
    const double place = std::clamp(share, 0.0, 1.0) * static_cast<double>(bins);
    return std::min(bins - 1, static_cast<size_t>(place));
  }
  [[nodiscard]] float of(uint32_t item, TimeUs ts) const {
    return bins == 0 ? 0.0F : offset[item * bins + bin_of(ts)];
  }
};

}  // namespace palate
