#include <numeric>

#include "base/check.h"
#include "dataset/dataset.h"

namespace palate {
namespace {

// Turns counts per row, kept at start[row + 1], into where each row begins.
void counts_to_starts(std::vector<uint64_t>& start) {
  std::partial_sum(start.begin(), start.end(), start.begin());
}

// Preferences by item, then by user: counting sort of all rows. A user's rows of one item arrive
// next to each other, so they are added up on the way, always in the order of the log.
SparseMatrix sums_by_item(const DatasetView& view, std::vector<uint64_t>& end) {
  SparseMatrix sums{
      .rows = view.items(), .cols = view.users(), .start = {}, .index = {}, .value = {}};
  sums.start.assign(view.items() + 1, 0);
  std::vector<HistoryEntry> scratch;
  for (uint32_t user = 0; user < view.users(); ++user) {
    for (const auto& row : view.of({user}, scratch)) ++sums.start[row.item.value + 1];
  }
  counts_to_starts(sums.start);
  end.assign(sums.start.begin(), sums.start.end() - 1);
  sums.index.resize(sums.start.back());
  sums.value.resize(sums.start.back());
  for (uint32_t user = 0; user < view.users(); ++user) {
    for (const auto& row : view.of({user}, scratch)) {
      uint64_t& next = end[row.item.value];
      if (next > sums.start[row.item.value] && sums.index[next - 1] == user) {
        sums.value[next - 1] += row.preference;
      } else {
        sums.index[next] = user;
        sums.value[next++] = row.preference;
      }
    }
  }
  return sums;
}

// Moves the positive entries together. `end` says how far each row is filled.
void keep_positive(SparseMatrix& matrix, const std::vector<uint64_t>& end) {
  uint64_t kept = 0;
  for (size_t row = 0; row < matrix.rows; ++row) {
    const uint64_t begin = matrix.start[row];
    matrix.start[row] = kept;
    for (uint64_t i = begin; i < end[row]; ++i) {
      if (!(matrix.value[i] > 0)) continue;
      matrix.index[kept] = matrix.index[i];
      matrix.value[kept++] = matrix.value[i];
    }
  }
  matrix.start[matrix.rows] = kept;
  matrix.index.resize(kept);
  matrix.value.resize(kept);
}

}  // namespace

SparseMatrix SparseMatrix::transposed() const {
  SparseMatrix out{.rows = cols, .cols = rows, .start = {}, .index = {}, .value = {}};
  out.start.assign(cols + 1, 0);
  for (const uint32_t column : index) ++out.start[column + 1];
  counts_to_starts(out.start);
  out.index.resize(index.size());
  out.value.resize(value.size());
  std::vector<uint64_t> next(out.start.begin(), out.start.end() - 1);
  for (size_t row = 0; row < rows; ++row) {
    for (uint64_t i = start[row]; i < start[row + 1]; ++i) {
      const uint64_t to = next[index[i]]++;
      out.index[to] = static_cast<uint32_t>(row);
      out.value[to] = value[i];
    }
  }
  return out;
}

SparseMatrix preference_matrix(const DatasetView& view) {
  std::vector<uint64_t> end;
  SparseMatrix by_item = sums_by_item(view, end);
  keep_positive(by_item, end);
  return by_item.transposed();
}

}  // namespace palate
