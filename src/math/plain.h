// The plain twins of the kernels: what they mean, in the fewest words. Tests hold every instruction
// set against them; nothing else uses them.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "math/rows.h"

namespace palate::plain {

inline double dot(const float* a, const float* b, size_t dim) {
  double sum = 0;
  for (size_t d = 0; d < dim; ++d) sum += double{a[d]} * b[d];
  return sum;
}

inline double squared_distance(const float* a, const float* b, size_t dim) {
  double sum = 0;
  for (size_t d = 0; d < dim; ++d) sum += (double{a[d]} - b[d]) * (double{a[d]} - b[d]);
  return sum;
}

inline double rows_apply(const PickedRows& rows, const RowScales& scales, const float* x,
                         std::vector<double>& y) {
  const size_t dim = rows.table.dim;
  double offset_sum = 0;
  for (size_t i = 0; i < rows.count(); ++i) {
    const double z = dot(rows.row(i), x, dim);
    const double offset = scales.offset != nullptr ? scales.offset[i] : 0.0;
    offset_sum += offset * z;
    for (size_t d = 0; d < dim; ++d) y[d] += (offset + scales.scale[i] * z) * rows.row(i)[d];
  }
  return offset_sum;
}

inline double rows_quadratic(const PickedRows& rows, const float* scale, const float* x) {
  double sum = 0;
  for (size_t i = 0; i < rows.count(); ++i) {
    const double z = dot(rows.row(i), x, rows.table.dim);
    sum += scale[i] * z * z;
  }
  return sum;
}

// c (dim × dim) += sum over i of weight[i] * row i * row iᵀ; `weight` nullptr: ones.
inline void gram(const RowsView& rows, const float* weight, std::vector<double>& c) {
  for (size_t i = 0; i < rows.count; ++i) {
    const float* row = rows.row(i);
    for (size_t a = 0; a < rows.dim; ++a) {
      for (size_t b = 0; b < rows.dim; ++b) {
        c[a * rows.dim + b] += (weight != nullptr ? weight[i] : 1.0) * row[a] * row[b];
      }
    }
  }
}

// Solves a x = b by Cholesky in double. `a` (n × n, full) and `b` are overwritten; b becomes x.
inline bool cholesky_solve(std::vector<double>& a, std::vector<double>& b) {
  const size_t n = b.size();
  for (size_t j = 0; j < n; ++j) {
    for (size_t i = j; i < n; ++i) {
      double sum = a[i * n + j];
      for (size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      if (i == j && sum <= 0) return false;
      a[i * n + j] = i == j ? std::sqrt(sum) : sum / a[j * n + j];
    }
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return true;
}

}  // namespace palate::plain
