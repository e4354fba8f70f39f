// Inner products of queries with many items, and the k best of each, without writing the scores to
// memory. Items lie in panels: 16 items side by side, dimension by dimension, so that one load
// serves 16 items and no sum crosses lanes.
//
// A score is the same bits however it is asked for (one query or many, any item range, score_panel
// or top_k_panels): dimensions are added one after the other, in order, on every path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/rows.h"
#include "math/top_k.h"

namespace palate {

inline constexpr size_t kPanelItems = 16;

// Rows, transposed 16 by 16: ceil(count / 16) * 16 * dim floats; missing items are zeros. `dim` may
// be any number.
std::vector<float> pack_panels(const RowsView& rows);
// As above for one panel of at most 16 given rows, into out (16 * dim).
void pack_panel(const RowsView& table, std::span<const uint32_t> index, float* out);

// out[0..16) = query · each item of the panel.
void score_panel(const float* panel, const float* query, size_t dim, float* out);

// One query of a batch. `blocked` has one bit an item (bit i of word i / 64; shorter means zeros).
struct PanelQuery {
  const float* vector = nullptr;
  std::span<const uint64_t> blocked;
  TopK* best = nullptr;
};
struct PanelTable {
  const float* panels = nullptr;
  size_t count = 0;  // of items
  size_t dim = 0;
  std::span<const uint64_t> absent = {};  // items that no query may get; as PanelQuery::blocked
};
// Pushes every item that is not blocked and may be among the best into each query's TopK. Indices
// already pushed must be smaller than `first_panel * 16`. Panels [first_panel, end_panel).
void top_k_panels(const PanelTable& table, std::span<PanelQuery> queries, size_t first_panel,
                  size_t end_panel);

}  // namespace palate
