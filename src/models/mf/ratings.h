// Ratings out of a history: the newest of each item, whatever the order of items.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "features/history.h"

namespace palate {

struct UserRatings {
  std::vector<uint32_t> item;  // ascending, distinct
  std::vector<float> value;
  std::vector<TimeUs> ts;
};

// `types` are those of ratings, ascending (Dataset::rating_types()); items from `items` on are
// left out.
UserRatings ratings_of(std::span<const HistoryEntry> history, std::span<const uint32_t> types,
                       size_t items);

}  // namespace palate
