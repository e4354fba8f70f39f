#include "models/user_knn/train.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/stop.h"
#include "math/philox.h"
#include "models/train_item_weights.h"

namespace palate {
namespace {

// The rows that have an entry, in an order that the seed alone decides and that says nothing of who
// they were; at most `most`.
std::vector<uint32_t> shuffled_rows(const SparseMatrix& matrix, size_t most, uint64_t seed) {
  std::vector<uint32_t> rows;
  for (uint32_t row = 0; row < matrix.rows; ++row) {
    if (matrix.start[row] < matrix.start[row + 1]) rows.push_back(row);
  }
  Philox random(seed, uint64_t{0x5e2} << 40);
  const size_t kept = std::min(most, rows.size());
  for (size_t i = 0; i < kept; ++i) {
    std::swap(rows[i], rows[i + random.below(static_cast<uint32_t>(rows.size() - i))]);
  }
  rows.resize(kept);
  return rows;
}

SparseMatrix picked(const SparseMatrix& matrix, std::span<const uint32_t> rows) {
  SparseMatrix out{rows.size(), matrix.cols, {0}, {}, {}};
  for (const uint32_t row : rows) {
    const auto first = static_cast<ptrdiff_t>(matrix.start[row]);
    const auto last = static_cast<ptrdiff_t>(matrix.start[row + 1]);
    out.index.insert(out.index.end(), matrix.index.begin() + first, matrix.index.begin() + last);
    out.value.insert(out.value.end(), matrix.value.begin() + first, matrix.value.begin() + last);
    out.start.push_back(out.index.size());
  }
  return out;
}

}  // namespace

Status train_user_knn(const TrainJob& job, ArtefactWriter& out) {
  const SparseMatrix matrix = preference_matrix(*job.data);
  if (matrix.index.empty()) {
    return fail(Code::kInvalidArgument, "user_knn needs at least one positive interaction");
  }
  TRY(check_stop(job.stop));
  const auto most = static_cast<size_t>(job.configs->user_knn.users_max);
  SparseMatrix users = picked(matrix, shuffled_rows(matrix, most, job.seed));
  SparseMatrix by_item = users.transposed();
  add_item_counts(matrix, out);
  out.add<uint64_t>("start", {users.start.size()}, std::move(users.start));
  out.add<uint32_t>("index", {users.index.size()}, std::move(users.index));
  out.add<uint64_t>("item_start", {by_item.start.size()}, std::move(by_item.start));
  out.add<uint32_t>("item_index", {by_item.index.size()}, std::move(by_item.index));
  return {};
}

uint64_t user_knn_memory_bytes(const TrainSizes& sizes, const ModelConfigs&) {
  return 2 * matrix_memory_bytes(sizes);
}

}  // namespace palate
