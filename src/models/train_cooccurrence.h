// What the trainers of weights between items start from: how often items go together, G = Xᵀ X,
// row by row, without keeping it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "dataset/dataset.h"

namespace palate {

// A row of G: sums by item, and which items have one. Zero elsewhere; reset() makes it so again.
struct CooccurrenceRow {
  std::vector<float> sum;
  std::vector<uint32_t> touched;  // each once, in an order that the data alone decides
  void reset();
};

// X is `users` (users by items) as given; the result does not depend on the number of threads.
class Cooccurrence {
 public:
  explicit Cooccurrence(SparseMatrix users);
  [[nodiscard]] size_t items() const { return users_.cols; }
  [[nodiscard]] const SparseMatrix& by_item() const { return by_item_; }
  // Row `item` into `out`, which must be reset; items below `from` are left out.
  void row(uint32_t item, uint32_t from, CooccurrenceRow& out) const;

 private:
  SparseMatrix users_, by_item_;
};

// Entry values become interaction_strength(value, value_power) * entries of the row ^ (-user_power
// / 2), so that in G a user counts by n_u^(-user_power): somebody who took everything says little
// about which items go together.
struct EntryWeights {
  double user_power = 0;
  double value_power = 0;
};
void weigh_entries(SparseMatrix& users, const EntryWeights& weights);
std::vector<uint32_t> entries_by_column(const SparseMatrix& matrix);
// max(count, 1)^power of each.
std::vector<float> powers_of(std::span<const uint32_t> counts, double power);

// Makes a sparse matrix row by row on the pool: `fill(row, worker, index, value)` appends a row,
// indices ascending.
struct SparseRow {
  std::vector<uint32_t>* index;
  std::vector<float>* value;
};
struct SparseShape {
  size_t rows = 0, cols = 0;
};
struct Workers {
  ThreadPool* pool;
  std::stop_token stop;
};
Result<SparseMatrix> sparse_by_rows(
    const SparseShape& shape, const Workers& workers,
    const std::function<void(uint32_t row, size_t worker, const SparseRow& to)>& fill);

// Of each item the `neighbours` that are most like it: G times its own and the other's factor, to
// the power of `contrast`. Factors that are not given are 1.
struct NearestItems {
  size_t neighbours = 0;
  float contrast = 1;
  std::span<const float> own = {}, other = {};
};
// A column for the neighbours of each item; only what is above 0.
Result<SparseMatrix> nearest_items(const Cooccurrence& pairs, const NearestItems& wanted,
                                   const Workers& workers);

}  // namespace palate
