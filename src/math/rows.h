// Kernels over rows of vectors: inner products and weighted sums, at the best instruction set of
// the processor (Highway, chosen at run time). Plain twins: math/plain.h, the oracle of the tests.
//
// Convention, said once: a table of vectors is row-major fp32, `dim` floats a row without gaps, and
// `dim` is a multiple of kLanes (fill with zeros: padded()). No alignment is needed; 64 bytes is
// fastest. Results depend on the instruction set in their last bits, but not on how rows are cut
// into calls of whole tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace palate {

inline constexpr size_t kLanes = 16;
constexpr size_t padded(size_t dim) { return (dim + kLanes - 1) / kLanes * kLanes; }

// A table, or a part of one. Not owning.
struct RowsView {
  const float* data = nullptr;
  size_t count = 0;
  size_t dim = 0;
  [[nodiscard]] const float* row(size_t i) const { return data + i * dim; }
};

// Rows of a table by their numbers, read where they lie. Loads that will miss the cache are asked
// for some rows ahead.
struct PickedRows {
  RowsView table;
  std::span<const uint32_t> index;
  size_t upcoming = 0;  // numbers behind the end of `index`, whose rows are asked for as well
  bool cached = false;  // few rows, just read: nothing is asked for
  [[nodiscard]] size_t count() const { return index.size(); }
  [[nodiscard]] const float* row(size_t i) const { return table.row(index[i]); }
};
// One number a row; `offset` may be nullptr (zeros).
struct RowScales {
  const float* offset = nullptr;
  const float* scale = nullptr;
};

float dot(const float* a, const float* b, size_t dim);
// y += scale * x
void axpy(float scale, const float* x, float* y, size_t dim);
// out[i] = row i · x. With a symmetric matrix as the table, out = A x.
void rows_dot(const RowsView& rows, const float* x, float* out);
void rows_dot(const PickedRows& rows, const float* x, float* out);
// y += sum over i of (offset[i] + scale[i] * (row i · x)) * row i: the operator of a conjugate
// gradient step, in one pass. Returns the sum over i of offset[i] * (row i · x).
double rows_apply(const PickedRows& rows, const RowScales& scales, const float* x, float* y);
// y += sum over i of scale[i] * row i.
void rows_add(const PickedRows& rows, const float* scale, float* y);
// The sum over i of scale[i] * (row i · x)².
double rows_quadratic(const PickedRows& rows, const float* scale, const float* x);

}  // namespace palate
