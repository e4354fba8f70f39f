// A user's row of the matrix that models learn from, out of the history of a query: the same sums
// in serving as preference_matrix() makes in training.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "features/history.h"

namespace palate {

// Items ascending and distinct, with the sum of their events' preferences, which is positive.
struct TasteRow {
  std::vector<uint32_t> index;
  std::vector<float> value;
};

// `seen`: training interactions an item. Items without any are left out, and so are later ones.
TasteRow taste_row(std::span<const HistoryEntry> history, std::span<const uint32_t> seen);
// The same items in the order of their newest event that was liked, the newest last.
std::vector<uint32_t> taste_order(std::span<const HistoryEntry> history,
                                  std::span<const uint32_t> seen);
// Whether the row has an entry. Cheaper: folding is for what has both signs, and nearly no history
// has.
bool has_taste(std::span<const HistoryEntry> history, std::span<const uint32_t> seen);
// One bit an item without a training interaction, as models leave them out of their lists.
std::vector<uint64_t> never_seen(std::span<const uint32_t> seen);

}  // namespace palate
