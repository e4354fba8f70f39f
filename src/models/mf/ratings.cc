#include "models/mf/ratings.h"

#include <algorithm>
#include <cmath>

namespace palate {

UserRatings ratings_of(std::span<const HistoryEntry> history, std::span<const uint32_t> types,
                       size_t items) {
  std::vector<HistoryEntry> rated;
  for (const HistoryEntry& entry : history) {
    if (!std::isnan(entry.value) && entry.item.value < items &&
        std::ranges::binary_search(types, uint32_t{entry.type.value})) {
      rated.push_back(entry);
    }
  }
  // Stable: of equal items the newest comes last.
  std::ranges::stable_sort(rated, {}, [](const HistoryEntry& entry) { return entry.item; });
  UserRatings out;
  for (size_t i = 0; i < rated.size(); ++i) {
    if (i + 1 < rated.size() && rated[i + 1].item == rated[i].item) continue;
    out.item.push_back(rated[i].item.value);
    out.value.push_back(rated[i].value);
    out.ts.push_back(rated[i].ts);
  }
  return out;
}

}  // namespace palate
