// Decayed counts in a dense array: rows are items, categories, …, columns event types. A column
// that nothing was counted in takes no memory. Not thread-safe.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "base/ids.h"
#include "features/decayed_counts.h"

namespace palate {

// One column of a table, for many rows in turn: what comes later is fetched while this is read.
class CountColumn {
 public:
  explicit CountColumn(std::span<const DecayedCounts> rows) : rows_(rows) {}
  [[nodiscard]] double read(size_t row, HalfLife which, const DecayedCounts::Moment& moment) const {
    return row < rows_.size() ? rows_[row].read(which, moment) : 0;  // 0: nothing was counted
  }
  // Fetches the row of an item some places behind the i-th.
  void fetch_ahead(std::span<const ItemIx> items, size_t i) const {
    constexpr size_t kAhead = 8;
    if (i + kAhead >= items.size() || items[i + kAhead].value >= rows_.size()) return;
    __builtin_prefetch(&rows_[items[i + kAhead].value]);
  }

 private:
  std::span<const DecayedCounts> rows_;
};

class CountTable {
 public:
  explicit CountTable(size_t columns) : columns_(columns) {}
  [[nodiscard]] size_t columns() const { return columns_.size(); }
  // Grows to where `row` lies.
  DecayedCounts& at(size_t column, size_t row) {
    std::vector<DecayedCounts>& rows = columns_[column];
    if (row >= rows.size()) {
      if (row >= rows.capacity()) rows.reserve(std::max(row + 1, rows.capacity() * 3 / 2));
      rows.resize(row + 1);
    }
    return rows[row];
  }
  // nullptr where nothing was counted.
  [[nodiscard]] const DecayedCounts* find(size_t column, size_t row) const {
    if (column >= columns_.size() || row >= columns_[column].size()) return nullptr;
    const DecayedCounts& counts = columns_[column][row];
    return counts.empty() ? nullptr : &counts;
  }
  [[nodiscard]] double read(size_t column, size_t row, HalfLife which,
                            const DecayedCounts::Moment& moment) const {
    return this->column(column).read(row, which, moment);
  }
  void prefetch(size_t column, size_t row) const {
    if (row < columns_[column].size()) __builtin_prefetch(&columns_[column][row]);
  }
  [[nodiscard]] CountColumn column(size_t column) const { return CountColumn(columns_[column]); }
  void clear() {
    for (auto& rows : columns_) rows.clear();
  }
  [[nodiscard]] size_t bytes() const {
    size_t sum = 0;
    for (const auto& rows : columns_) sum += rows.capacity() * sizeof(DecayedCounts);
    return sum;
  }

 private:
  std::vector<std::vector<DecayedCounts>> columns_;
};

}  // namespace palate
