// Small dense symmetric matrices: weighted Gram matrices and Cholesky solves, as least squares
// needs them. Matrices are dim × dim, row-major, dim a multiple of kLanes, upper triangle (the
// lower one is not read, and what is in it afterwards is unspecified) unless said otherwise. Plain
// twins: math/plain.h.
#pragma once

#include "math/rows.h"
#include "math/table.h"

namespace palate {

// Rows laid out for add_outer: panels of kLanes columns, one after the other, each with all rows;
// count * dim floats. A few hundred rows at most keep a panel in the first-level cache.
struct PackedRows {
  const float* data = nullptr;
  size_t count = 0;
  size_t dim = 0;
};
inline constexpr size_t kPackedRowsMax = 128;

// Packs the columns of `rows` as the rows of their Gram matrix need them: dim rows of
// padded(rows.count()) numbers, row_scale[i] * column_scale[d] * row i[d] in row d and column i,
// zeros beyond the end; dim * padded(rows.count()) floats.
void pack_columns(const PickedRows& rows, const float* row_scale, const float* column_scale,
                  float* packed);
// Packs scale[i] * row i, and adds the sum of offset[i] * row i to `sum` (dim floats).
void pack_rows(const PickedRows& rows, const RowScales& scales, float* packed, float* sum);
// c += sum over i of (row i) (row i)ᵀ, upper triangle. Rows packed with the square roots of weights
// give the weighted Gram matrix.
void add_outer(const PackedRows& rows, float* c);
// Part of a matrix: rows of `stride` floats.
struct MatrixPart {
  float* data;
  size_t stride;
};
// c -= sum over i of (row i of left) (row i of right)ᵀ: left.dim rows of right.dim columns. Both
// have the same count, and dimensions that are multiples of kLanes.
void subtract_products(const PackedRows& left, const PackedRows& right, const MatrixPart& c);
// Copies the upper triangle into the lower one.
void mirror_upper(float* a, size_t dim);
// row ← row q for `count` rows of dim floats, in place; q is a full dim × dim matrix.
void rotate_rows(float* rows, size_t count, const float* q, size_t dim);
// Factors a = Uᵀ U in place and solves a x = b, with x written over b. False, with `a` and `b`
// spoilt, when a is not positive definite.
[[nodiscard]] bool cholesky_solve(float* a, float* b, size_t dim);

}  // namespace palate
