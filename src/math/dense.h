// Small dense symmetric matrices: weighted Gram matrices and Cholesky solves, as least squares
// needs them. Matrices are dim × dim, row-major, dim a multiple of kLanes, upper triangle (the
// lower one is not read, and what is in it afterwards is unspecified) unless said otherwise. Plain
// twins: math/plain.h.
#pragma once

#include "math/rows.h"

namespace palate {

// c += sum over i of (row i of left) (row i of right)ᵀ, upper triangle. With right = left.data that
// is the Gram matrix; with left = scale_rows(rows, w) and right = rows the weighted one.
void add_outer(const RowsView& left, const float* right, float* c);
// Row i of out = weight[i] * row i.
void scale_rows(const RowsView& rows, const float* weight, float* out);
// Copies the upper triangle into the lower one.
void mirror_upper(float* a, size_t dim);
// Factors a = Uᵀ U in place and solves a x = b, with x written over b. False, with `a` and `b`
// spoilt, when a is not positive definite.
[[nodiscard]] bool cholesky_solve(float* a, float* b, size_t dim);

}  // namespace palate
