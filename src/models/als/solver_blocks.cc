#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "math/dense.h"
#include "models/als/solver.h"

namespace palate {
namespace {

void ensure(FloatTable& buffer, size_t size) {
  if (buffer.size() < size) buffer.resize(size);
}

// The dimensions [begin, begin + dim) of some rows: their weighted Gram matrix onto `a` (dim × dim)
// and the sum of offset[i] * row i. `packed`: room for kPackedRowsMax rows twice.
struct Block {
  const RowsView& fixed;
  size_t begin, dim;
  float* packed;
};
struct BlockSums {
  float* gram;
  float* row;
};
void add_gram(const Block& block, std::span<const uint32_t> index, const RowScales& scales,
              const BlockSums& to) {
  std::array<uint32_t, kPackedRowsMax> places;
  std::iota(places.begin(), places.end(), 0U);
  float* copied = block.packed + kPackedRowsMax * block.dim;
  for (size_t first = 0; first < index.size(); first += kPackedRowsMax) {
    const size_t count = std::min(kPackedRowsMax, index.size() - first);
    for (size_t i = 0; i < count; ++i) {
      std::copy_n(block.fixed.row(index[first + i]) + block.begin, block.dim,
                  copied + i * block.dim);
    }
    const PickedRows rows{{copied, count, block.dim}, {places.data(), count}, 0, true};
    pack_rows(rows, {scales.offset + first, scales.scale + first}, block.packed, to.row);
    add_outer({block.packed, count, block.dim}, to.gram);
  }
}

}  // namespace

// One Newton step for each block of dimensions in turn, the others held (Rendle, Krichene, Zhang,
// Koren, "iALS++: Speeding up Matrix Factorization with Subspace Optimization", 2021, algorithm 2).
// The predictions of the row's entries are kept up, and what all rows share is the diagonal here.
bool AlsSolver::by_blocks(const AlsRow& row, float* x, double& loss, AlsScratch& scratch) const {
  const size_t dim = fixed_.dim, count = row.index.size();
  const size_t width = std::min(padded(options_.block), dim);
  ensure(scratch.vectors, dim + width);
  ensure(scratch.coefficients, 4 * count);
  ensure(scratch.matrix, width * width);
  ensure(scratch.packed, 2 * kPackedRowsMax * width);
  float *diagonal = scratch.vectors.data(), *step = diagonal + dim;
  float *predicted = scratch.coefficients.data(), *weight = predicted + count;
  float *root = weight + count, *pull = root + count;
  diagonal_of(row, diagonal);
  rows_dot(PickedRows{fixed_, row.index, row.upcoming}, x, predicted);
  for (size_t i = 0; i < count; ++i) {
    weight[i] = static_cast<float>(options_.alpha) * row.value[i];
    root[i] = std::sqrt(weight[i]);
  }
  for (size_t begin = 0; begin < dim; begin += width) {
    const size_t here = std::min(width, dim - begin);
    float* a = scratch.matrix.data();
    std::fill_n(a, here * here, 0.0F);
    for (size_t d = 0; d < here; ++d) {
      a[d * here + d] = diagonal[begin + d];
      step[d] = -diagonal[begin + d] * x[begin + d];
    }
    for (size_t i = 0; i < count; ++i) pull[i] = 1 + weight[i] * (1 - predicted[i]);
    add_gram({fixed_, begin, here, scratch.packed.data()}, row.index, {pull, root}, {a, step});
    if (!cholesky_solve(a, step, here)) return false;
    for (size_t d = 0; d < here; ++d) x[begin + d] += step[d];
    for (size_t i = 0; i < count; ++i) {
      predicted[i] += dot(fixed_.row(row.index[i]) + begin, step, here);
    }
  }
  loss = 0;
  for (size_t d = 0; d < options_.factors; ++d) loss += double{diagonal[d]} * x[d] * x[d];
  for (size_t i = 0; i < count; ++i) {
    const double p = predicted[i];
    loss += (1 + double{weight[i]}) * (1 - p) * (1 - p) - p * p;
  }
  return true;
}

}  // namespace palate
