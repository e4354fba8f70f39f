#include "math/dense.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/dense.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
const hn::CappedTag<float, kLanes> kTag;
using Floats = hn::Vec<decltype(kTag)>;

// Rows of eight and more numbers, `stride` floats apart: the factors of an update.
struct Strip {
  const float* data;
  size_t stride;
};
// Eight rows of a matrix to be updated.
struct Target {
  float* data;
  size_t stride;
};

// c's 8 rows by kWide vectors ±= sum over i < count of left[i][0..8) * right[k][i][lanes], all sums
// in registers.
template <bool kSubtract, size_t kWide>
HWY_INLINE void update_tile(Strip left, const Strip (&right)[kWide], size_t count,
                            const Target (&c)[kWide]) {
  Floats sum[8][kWide];
#pragma GCC unroll 16
  for (size_t r = 0; r < 8; ++r) {
#pragma GCC unroll 16
    for (size_t k = 0; k < kWide; ++k) sum[r][k] = hn::LoadU(kTag, c[k].data + r * c[k].stride);
  }
  for (size_t i = 0; i < count; ++i) {
    Floats v[kWide];
#pragma GCC unroll 16
    for (size_t k = 0; k < kWide; ++k) v[k] = hn::LoadU(kTag, right[k].data + i * right[k].stride);
    const float* s = left.data + i * left.stride;
#pragma GCC unroll 16
    for (size_t r = 0; r < 8; ++r) {
      const Floats one = hn::Set(kTag, s[r]);
#pragma GCC unroll 16
      for (size_t k = 0; k < kWide; ++k) {
        sum[r][k] =
            kSubtract ? hn::NegMulAdd(one, v[k], sum[r][k]) : hn::MulAdd(one, v[k], sum[r][k]);
      }
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < 8; ++r) {
#pragma GCC unroll 16
    for (size_t k = 0; k < kWide; ++k) hn::StoreU(sum[r][k], kTag, c[k].data + r * c[k].stride);
  }
}

// Factors of an update of a dim × dim matrix, in column panels of kLanes: column d of row i lies at
// data[d / kLanes * panel + i * stride + d % kLanes].
struct Columns {
  const float* data;
  size_t panel, stride, count, dim;
  [[nodiscard]] const float* at(size_t column) const {
    return data + column / kLanes * panel + column % kLanes;
  }
};

// The upper triangle of c ±= Σ row rowᵀ, from row `first` (a multiple of kLanes) on. Two vectors of
// columns at once where there are registers for 16 sums.
template <bool kSubtract>
HWY_INLINE void update_upper(const Columns& f, size_t first, float* c) {
  const size_t lanes = hn::Lanes(kTag), dim = f.dim;
  for (size_t row = first; row < dim; row += 8) {
    const Strip left{f.at(row), f.stride};
    size_t column = row / kLanes * kLanes;
    if (lanes == kLanes) {
      for (; column + 2 * kLanes <= dim; column += 2 * kLanes) {
        float* at = c + row * dim + column;
        update_tile<kSubtract, 2>(left,
                                  {{f.at(column), f.stride}, {f.at(column + kLanes), f.stride}},
                                  f.count, {{at, dim}, {at + kLanes, dim}});
      }
    }
    for (; column < dim; column += lanes) {
      update_tile<kSubtract, 1>(left, {{f.at(column), f.stride}}, f.count,
                                {{c + row * dim + column, dim}});
    }
  }
}

void add_outer_kernel(const PackedRows& rows, float* c) {
  update_upper<false>({rows.data, rows.count * kLanes, kLanes, rows.count, rows.dim}, 0, c);
}

void pack_rows_kernel(const PickedRows& rows, const RowScales& scales, float* HWY_RESTRICT packed,
                      float* HWY_RESTRICT sum) {
  constexpr size_t kAheadRows = 16;
  const size_t lanes = hn::Lanes(kTag), count = rows.count(), dim = rows.table.dim;
  const float* HWY_RESTRICT table = rows.table.data;
  const uint32_t* HWY_RESTRICT index = rows.index.data();
  const float *HWY_RESTRICT offset = scales.offset, *HWY_RESTRICT scale = scales.scale;
  for (size_t d = 0; d < dim; d += lanes) {
    float* to = packed + d / kLanes * count * kLanes + d % kLanes;
    Floats total = hn::LoadU(kTag, sum + d);
    for (size_t i = 0; i < count; ++i) {
      if (d == 0) {
        const float* next = table + index[std::min(i + kAheadRows, count - 1)] * dim;
        for (size_t e = 0; e < dim; e += kLanes) hwy::Prefetch(next + e);
      }
      const Floats row = hn::LoadU(kTag, table + index[i] * dim + d);
      if (offset != nullptr) total = hn::MulAdd(hn::Set(kTag, offset[i]), row, total);
      hn::StoreU(hn::Mul(hn::Set(kTag, scale[i]), row), kTag, to + i * kLanes);
    }
    hn::StoreU(total, kTag, sum + d);
  }
}

// Factors the kLanes × kLanes block on the diagonal at `block`, and puts the inverses of its
// diagonal into `inverse`. Columns left of a row's diagonal are spoilt; nobody reads them.
HWY_INLINE bool factor_diagonal(float* block, size_t dim, float* HWY_RESTRICT inverse) {
  const size_t lanes = hn::Lanes(kTag);
#pragma GCC unroll 16
  for (size_t k = 0; k < kLanes; ++k) {
    float* pivot_row = block + k * dim;
    const float pivot = pivot_row[k];
    if (!(pivot > 0)) return false;
    inverse[k] = 1.0F / std::sqrt(pivot);
    const Floats scale = hn::Set(kTag, inverse[k]);
    const size_t first = k / lanes * lanes;
    for (size_t d = first; d < kLanes; d += lanes) {
      hn::StoreU(hn::Mul(scale, hn::LoadU(kTag, pivot_row + d)), kTag, pivot_row + d);
    }
#pragma GCC unroll 16
    for (size_t i = k + 1; i < kLanes; ++i) {
      const Floats s = hn::Set(kTag, pivot_row[i]);
      float* row = block + i * dim;
      for (size_t d = first; d < kLanes; d += lanes) {
        hn::StoreU(hn::NegMulAdd(s, hn::LoadU(kTag, pivot_row + d), hn::LoadU(kTag, row + d)), kTag,
                   row + d);
      }
    }
  }
  return true;
}

// Solves the kLanes rows right of a factored diagonal block, a vector of columns at a time.
HWY_INLINE void factor_right(float* block, size_t columns, size_t dim, const float* inverse) {
  for (size_t d = kLanes; d < columns; d += hn::Lanes(kTag)) {
    Floats v[kLanes];
#pragma GCC unroll 16
    for (size_t k = 0; k < kLanes; ++k) v[k] = hn::LoadU(kTag, block + k * dim + d);
#pragma GCC unroll 16
    for (size_t k = 0; k < kLanes; ++k) {
      v[k] = hn::Mul(hn::Set(kTag, inverse[k]), v[k]);
      hn::StoreU(v[k], kTag, block + k * dim + d);
      const float* u = block + k * dim;
#pragma GCC unroll 16
      for (size_t i = k + 1; i < kLanes; ++i) {
        v[i] = hn::NegMulAdd(hn::Set(kTag, u[i]), v[k], v[i]);
      }
    }
  }
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
    const Floats s = hn::Set(kTag, z);
    for (size_t d = whole; d < dim; d += lanes) {
      hn::StoreU(hn::NegMulAdd(hn::LoadU(kTag, row + d), s, hn::LoadU(kTag, b + d)), kTag, b + d);
    }
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
  HWY_ALIGN float inverse[kLanes];
  for (size_t begin = 0; begin < dim; begin += kLanes) {
    float* block = a + begin * dim + begin;
    if (!factor_diagonal(block, dim, inverse)) return false;
    factor_right(block, dim - begin, dim, inverse);
    update_upper<true>({a + begin * dim, kLanes, dim, kLanes, dim}, begin + kLanes, a);
  }
  solve_triangles(a, b, dim);
  return true;
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(add_outer_kernel);
HWY_EXPORT(pack_rows_kernel);
HWY_EXPORT(cholesky_solve_kernel);

void add_outer(const PackedRows& rows, float* c) {
  if (rows.count == 0) return;  // data may be null then
  HWY_DYNAMIC_DISPATCH(add_outer_kernel)(rows, c);
}

void pack_rows(const PickedRows& rows, const RowScales& scales, float* packed, float* sum) {
  if (rows.count() == 0) return;  // the table may be null then
  HWY_DYNAMIC_DISPATCH(pack_rows_kernel)(rows, scales, packed, sum);
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
