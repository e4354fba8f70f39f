#include "math/dense.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/dense.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
const hn::CappedTag<float, kLanes> kTag;
using Floats = hn::Vec<decltype(kTag)>;

// One tile of c: 8 rows by 16 columns, kept in registers over all rows of the table. On AVX-512
// that is 8 sums a vector; narrower sets hold the 16 columns in more vectors, one after the other.
struct Tile {
  size_t row, column;  // of c
};

template <bool kSubtract>
HWY_INLINE Floats multiply_add(Floats a, Floats b, Floats c) {
  if constexpr (kSubtract) return hn::NegMulAdd(a, b, c);
  return hn::MulAdd(a, b, c);
}

// c[tile] ±= sum over i of left[i][tile.row + r] * right[i][tile.column …].
template <bool kSubtract>
HWY_INLINE void update_tile(const RowsView& left, const float* HWY_RESTRICT right, Tile tile,
                            float* HWY_RESTRICT c) {
  const size_t lanes = hn::Lanes(kTag), dim = left.dim;
  for (size_t l = 0; l < kLanes; l += lanes) {
    float* at = c + tile.row * dim + tile.column + l;
    Floats sum[8];
    for (size_t r = 0; r < 8; ++r) sum[r] = hn::LoadU(kTag, at + r * dim);
    const float* a = left.data + tile.row;
    const float* b = right + tile.column + l;
    for (size_t i = 0; i < left.count; ++i) {
      const Floats v = hn::LoadU(kTag, b + i * dim);
      const float* s = a + i * dim;
      sum[0] = multiply_add<kSubtract>(hn::Set(kTag, s[0]), v, sum[0]);
      sum[1] = multiply_add<kSubtract>(hn::Set(kTag, s[1]), v, sum[1]);
      sum[2] = multiply_add<kSubtract>(hn::Set(kTag, s[2]), v, sum[2]);
      sum[3] = multiply_add<kSubtract>(hn::Set(kTag, s[3]), v, sum[3]);
      sum[4] = multiply_add<kSubtract>(hn::Set(kTag, s[4]), v, sum[4]);
      sum[5] = multiply_add<kSubtract>(hn::Set(kTag, s[5]), v, sum[5]);
      sum[6] = multiply_add<kSubtract>(hn::Set(kTag, s[6]), v, sum[6]);
      sum[7] = multiply_add<kSubtract>(hn::Set(kTag, s[7]), v, sum[7]);
    }
    for (size_t r = 0; r < 8; ++r) hn::StoreU(sum[r], kTag, at + r * dim);
  }
}

// The upper triangle of c, from tile row `first` on.
template <bool kSubtract>
HWY_INLINE void update_upper(const RowsView& left, const float* right, size_t first, float* c) {
  for (size_t row = first; row < left.dim; row += 8) {
    for (size_t column = row / kLanes * kLanes; column < left.dim; column += kLanes) {
      update_tile<kSubtract>(left, right, {row, column}, c);
    }
  }
}

void add_outer_kernel(const RowsView& left, const float* right, float* c) {
  update_upper<false>(left, right, 0, c);
}

void scale_rows_kernel(const RowsView& rows, const float* weight, float* out) {
  for (size_t i = 0; i < rows.count; ++i) {
    const Floats w = hn::Set(kTag, weight[i]);
    const float* row = rows.row(i);
    for (size_t d = 0; d < rows.dim; d += hn::Lanes(kTag)) {
      hn::StoreU(hn::Mul(w, hn::LoadU(kTag, row + d)), kTag, out + i * rows.dim + d);
    }
  }
}

// y -= scale * x over columns [from, dim), from rounded down to a whole vector.
HWY_INLINE void subtract_row(float scale, const float* x, float* y, size_t from, size_t dim) {
  const size_t lanes = hn::Lanes(kTag);
  const Floats s = hn::Set(kTag, scale);
  for (size_t d = from / lanes * lanes; d < dim; d += lanes) {
    hn::StoreU(hn::NegMulAdd(hn::LoadU(kTag, x + d), s, hn::LoadU(kTag, y + d)), kTag, y + d);
  }
}

// Factors the rows [begin, begin + kLanes) of a, over all columns from `begin` on; what is left of
// the diagonal in these rows is spoilt.
HWY_INLINE bool factor_panel(float* a, size_t begin, size_t dim) {
  for (size_t k = begin; k < begin + kLanes; ++k) {
    float* pivot_row = a + k * dim;
    const float pivot = pivot_row[k];
    if (!(pivot > 0)) return false;
    const Floats inverse = hn::Set(kTag, 1.0F / std::sqrt(pivot));
    const size_t lanes = hn::Lanes(kTag);
    for (size_t d = k / lanes * lanes; d < dim; d += lanes) {
      hn::StoreU(hn::Mul(inverse, hn::LoadU(kTag, pivot_row + d)), kTag, pivot_row + d);
    }
    for (size_t i = k + 1; i < begin + kLanes; ++i) {
      subtract_row(pivot_row[i], pivot_row, a + i * dim, i, dim);
    }
  }
  return true;
}

// Uᵀ z = b, then U x = z, over b.
HWY_INLINE void solve_triangles(const float* a, float* b, size_t dim) {
  const size_t lanes = hn::Lanes(kTag);
  for (size_t k = 0; k < dim; ++k) {
    const float* row = a + k * dim;
    const float z = b[k] / row[k];
    // One by one up to a whole vector: left of the diagonal the row holds garbage.
    const size_t whole = (k + 1 + lanes - 1) / lanes * lanes;
    for (size_t d = k + 1; d < whole; ++d) b[d] -= z * row[d];
    subtract_row(z, row, b, whole, dim);
    b[k] = z;
  }
  for (size_t k = dim; k-- > 0;) {
    const float* row = a + k * dim;
    const size_t whole = (k + 1 + lanes - 1) / lanes * lanes;
    float rest = b[k];
    for (size_t d = k + 1; d < whole; ++d) rest -= row[d] * b[d];
    Floats sum = hn::Zero(kTag);
    for (size_t d = whole; d < dim; d += lanes) {
      sum = hn::MulAdd(hn::LoadU(kTag, row + d), hn::LoadU(kTag, b + d), sum);
    }
    b[k] = (rest - hn::GetLane(hn::SumOfLanes(kTag, sum))) / row[k];
  }
}

bool cholesky_solve_kernel(float* a, float* b, size_t dim) {
  for (size_t begin = 0; begin < dim; begin += kLanes) {
    if (!factor_panel(a, begin, dim)) return false;
    const RowsView panel{a + begin * dim, kLanes, dim};
    update_upper<true>(panel, panel.data, begin + kLanes, a);
  }
  solve_triangles(a, b, dim);
  return true;
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(add_outer_kernel);
HWY_EXPORT(scale_rows_kernel);
HWY_EXPORT(cholesky_solve_kernel);

void add_outer(const RowsView& left, const float* right, float* c) {
  HWY_DYNAMIC_DISPATCH(add_outer_kernel)(left, right, c);
}

void scale_rows(const RowsView& rows, const float* weight, float* out) {
  HWY_DYNAMIC_DISPATCH(scale_rows_kernel)(rows, weight, out);
}

void mirror_upper(float* a, size_t dim) {
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = i + 1; j < dim; ++j) a[j * dim + i] = a[i * dim + j];
  }
}

bool cholesky_solve(float* a, float* b, size_t dim) {
  return HWY_DYNAMIC_DISPATCH(cholesky_solve_kernel)(a, b, dim);
}

}  // namespace palate
#endif
