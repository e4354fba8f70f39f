// Inner products of queries with many items, and the k best of each, without writing the scores to
// memory. Items lie in panels: 16 items side by side, dimension by dimension, so that one load
// serves 16 items and no sum crosses lanes.
//
// A score is the same bits however it is asked for (one query or many, any item range, score_rows
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

// out[i] = query · scale[index[i]] * row index[i] of a row-major table, of any dimension; `scale`
// nullptr: ones. For a few items out of many, where panels would read 16 times too much.
struct ScaledRows {
  RowsView rows;
  const float* scale = nullptr;  // one a row
};
void score_rows(const ScaledRows& table, std::span<const uint32_t> index, const float* query,
                float* out);
// The panels of rows [begin, end) into out (ceil((end - begin) / 16) * 16 * dim).
void pack_panels(const ScaledRows& table, size_t begin, size_t end, float* out);

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
  size_t first_item = 0;  // what the first panel's first item is called; `count` and panel numbers
                          // begin there
};
// Pushes every item that is not blocked and may be among the best into each query's TopK. Indices
// already pushed must be smaller than `first_item + first_panel * 16`. Panels [first_panel,
// end_panel).
void top_k_panels(const PanelTable& table, std::span<PanelQuery> queries, size_t first_panel,
                  size_t end_panel);

}  // namespace palate
