// Inner products of queries with many items, and the k best of each, without writing the scores to
// memory. Items lie in panels: 16 items side by side, dimension by dimension, so that one load
// serves 16 items and no sum crosses lanes.
//
// A score is the same bits however it is asked for (one query or many, any item range, score_rows
// or top_k_panels, panels of fp32 or of bf16): dimensions are added one after the other, in order,
// on every path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/stored_rows.h"
#include "math/table.h"
#include "math/top_k.h"

namespace palate {

inline constexpr size_t kPanelItems = 16;

enum class Measure : uint8_t {
  kProduct,   // the sum over d of query[d] * row[d]
  kDistance,  // minus the sum over d of (query[d] - row[d])²: the square is never expanded, so
              // nothing cancels
};

// How many floats the panels of `items` rows take.
constexpr size_t panel_floats(size_t items, size_t dim) {
  return (items + kPanelItems - 1) / kPanelItems * kPanelItems * dim;
}
// Rows [begin, end), transposed 16 by 16, into `out`: panel_floats(end - begin, dim); missing items
// are zeros. `dim` may be any number.
void pack_panels(const StoredRows& table, size_t begin, size_t end, float* out);
FloatTable pack_panels(const StoredRows& table);

struct RowQuery {
  const float* vector = nullptr;
  Measure measure = Measure::kProduct;
};
// out[i] = the score of row index[i]. For a few items out of many, where panels would read 16 times
// too much.
void score_rows(const StoredRows& table, std::span<const uint32_t> index, const RowQuery& query,
                float* out);

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
  Measure measure = Measure::kProduct;
};
// Bit i: whether item `first` + i of 16 may go to the query. `first` is a multiple of 16.
uint32_t allowed_of_panel(const PanelTable& table, const PanelQuery& query, size_t first);
// Pushes every item that is not blocked and may be among the best into each query's TopK. Indices
// already pushed must be smaller than `first_item + first_panel * 16`. Panels [first_panel,
// end_panel).
void top_k_panels(const PanelTable& table, std::span<PanelQuery> queries, size_t first_panel,
                  size_t end_panel);

}  // namespace palate
