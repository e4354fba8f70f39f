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
#include "math/table.h"

namespace palate {

// A row of G: sums by item, and which items have one. Zero elsewhere; reset() makes it so again.
struct CooccurrenceRow {
  std::vector<float> sum;
  std::vector<uint32_t> touched;  // each once, in an order that the data alone decides
  void reset();
};

// X is `users` (users by items); the result does not depend on the number of threads.
class Cooccurrence {
 public:
  explicit Cooccurrence(SparseMatrix&& users);
  [[nodiscard]] size_t items() const { return by_item_.rows; }
  [[nodiscard]] const SparseMatrix& by_item() const { return by_item_; }
  // G is symmetric: from the diagonal on, half of the work has all of it.
  enum class Part : uint8_t { kWhole, kFromItself };
  // Row `item` into `out`, which must be reset.
  void row(uint32_t item, Part part, CooccurrenceRow& out) const;

 private:
  // `behind`: from the item itself on, in every user's entries.
  [[nodiscard]] uint64_t terms(uint32_t item, bool behind) const;
  void prefetch(uint64_t at) const;  // the user of that entry of by_item_
  template <class Add>
  void for_terms(uint32_t item, bool behind, const Add& add) const;
  struct Entry {
    uint32_t item;
    float value;
  };
  std::vector<uint64_t> start_;  // of users, in entries_, which are read in random order
  std::vector<Entry, TableAllocator<Entry>> entries_;
  SparseMatrix by_item_;
  std::vector<uint32_t> place_;  // of an entry of by_item_ among the user's
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

// Of each item the `neighbours`, one at least, that are most like it: G times its own and the
// other's factor, to the power of `contrast`. Factors that are not given are 1.
struct NearestItems {
  size_t neighbours = 0;
  float contrast = 1;
  std::span<const float> own = {}, other = {};
};
// A column for the neighbours of each item; only what is above 0, of equals the smaller items.
Result<SparseMatrix> nearest_items(const Cooccurrence& pairs, const NearestItems& wanted,
                                   const Workers& workers);

}  // namespace palate
