#include "math/dense.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/dense.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "math/reduce-inl.h"

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

void subtract_products_kernel(const PackedRows& left, const PackedRows& right,
                              const MatrixPart& c) {
  const size_t lanes = hn::Lanes(kTag), count = left.count, panel = count * kLanes;
  if (count == 0) return;
  for (size_t row = 0; row < left.dim; row += 8) {
    const Strip strip{left.data + row / kLanes * panel + row % kLanes, kLanes};
    float* to = c.data + row * c.stride;
    const auto columns = [&](size_t at) {
      return Strip{right.data + at / kLanes * panel + at % kLanes, kLanes};
    };
    size_t column = 0;
    if (lanes == kLanes) {
      for (; column + 2 * kLanes <= right.dim; column += 2 * kLanes) {
        update_tile<true, 2>(strip, {columns(column), columns(column + kLanes)}, count,
                             {{to + column, c.stride}, {to + column + kLanes, c.stride}});
      }
    }
    for (; column < right.dim; column += lanes) {
      update_tile<true, 1>(strip, {columns(column)}, count, {{to + column, c.stride}});
    }
  }
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

#if HWY_TARGET != HWY_SCALAR
// Stores the 128-bit blocks of `v` at to, to + step, …
template <class D, class V>
HWY_INLINE void store_blocks(D d, V v, float* to, size_t step) {
  if constexpr (hn::MaxLanes(d) <= 4) {
    hn::StoreU(v, d, to);
  } else {
    const hn::Half<D> half;
    store_blocks(half, hn::LowerHalf(half, v), to, step);
    store_blocks(half, hn::UpperHalf(half, v), to + hn::Lanes(half) / 4 * step, step);
  }
}
#endif

struct FourRows {
  const float* const* from;
  const float* scale;
};
// The rows as four columns of a panel of kLanes columns.
HWY_INLINE void transpose_four(const FourRows& rows, const float* HWY_RESTRICT column_scale,
                               size_t dim, float* to) {
  const auto [from, scale] = rows;
#if HWY_TARGET == HWY_SCALAR
  for (size_t d = 0; d < dim; ++d) {
    for (size_t j = 0; j < 4; ++j) to[d * kLanes + j] = scale[j] * column_scale[d] * from[j][d];
  }
#else
  const hn::Repartition<double, decltype(kTag)> wide;
  for (size_t d = 0; d < dim; d += hn::Lanes(kTag)) {
    const Floats column = hn::LoadU(kTag, column_scale + d);
    Floats v[4];
#pragma GCC unroll 16
    for (size_t j = 0; j < 4; ++j) {
      v[j] = hn::Mul(hn::LoadU(kTag, from[j] + d), hn::Mul(hn::Set(kTag, scale[j]), column));
    }
    const auto low01 = hn::BitCast(wide, hn::InterleaveLower(kTag, v[0], v[1]));
    const auto low23 = hn::BitCast(wide, hn::InterleaveLower(kTag, v[2], v[3]));
    const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(kTag, v[0], v[1]));
    const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(kTag, v[2], v[3]));
    float* at = to + d * kLanes;
    constexpr size_t kStep = 4 * kLanes;  // a 128-bit block is every fourth column of the table
    store_blocks(kTag, hn::BitCast(kTag, hn::InterleaveLower(wide, low01, low23)), at, kStep);
    store_blocks(kTag, hn::BitCast(kTag, hn::InterleaveUpper(wide, low01, low23)), at + kLanes,
                 kStep);
    store_blocks(kTag, hn::BitCast(kTag, hn::InterleaveLower(wide, high01, high23)),
                 at + 2 * kLanes, kStep);
    store_blocks(kTag, hn::BitCast(kTag, hn::InterleaveUpper(wide, high01, high23)),
                 at + 3 * kLanes, kStep);
  }
#endif
}

void pack_columns_kernel(const PickedRows& rows, const float* row_scale, const float* column_scale,
                         float* HWY_RESTRICT packed) {
  constexpr size_t kAheadRows = 16;
  const size_t count = rows.count(), dim = rows.table.dim;
  const uint32_t* index = rows.index.data();
  for (size_t i = 0; i < padded(count); i += 4) {
    const float* from[4];
    HWY_ALIGN float scale[4];
    for (size_t j = 0; j < 4; ++j) {
      const size_t row = std::min(i + j, count - 1);
      from[j] = rows.table.row(index[row]);
      scale[j] = i + j < count ? row_scale[row] : 0.0F;
      if (i + j + kAheadRows >= count + rows.upcoming) continue;
      const float* next = rows.table.row(index[i + j + kAheadRows]);
      for (size_t d = 0; d < dim; d += kLanes) hwy::Prefetch(next + d);
    }
    transpose_four({from, scale}, column_scale, dim,
                   packed + i / kLanes * dim * kLanes + i % kLanes);
  }
}

// Eight rows times some columns of q. `left`: number i of row r at [i * 8 + r]; `right`: row i of
// q's columns at [i * kLanes * 2].
template <size_t kWide>
HWY_INLINE void rotate_tile(const float* left, const float* right, size_t dim, float* to) {
  const size_t lanes = hn::Lanes(kTag);
  Floats sum[8][kWide];
#pragma GCC unroll 16
  for (size_t r = 0; r < 8; ++r) {
#pragma GCC unroll 16
    for (size_t k = 0; k < kWide; ++k) sum[r][k] = hn::Zero(kTag);
  }
  for (size_t i = 0; i < dim; ++i) {
    Floats v[kWide];
#pragma GCC unroll 16
    for (size_t k = 0; k < kWide; ++k) v[k] = hn::LoadU(kTag, right + i * 2 * kLanes + k * lanes);
#pragma GCC unroll 16
    for (size_t r = 0; r < 8; ++r) {
      const Floats one = hn::Set(kTag, left[i * 8 + r]);
#pragma GCC unroll 16
      for (size_t k = 0; k < kWide; ++k) sum[r][k] = hn::MulAdd(one, v[k], sum[r][k]);
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < 8; ++r) {
#pragma GCC unroll 16
    for (size_t k = 0; k < kWide; ++k) hn::StoreU(sum[r][k], kTag, to + r * dim + k * lanes);
  }
}

// The rows are written over, so they are copied first, in panels of eight; q's columns are copied
// into panels of two vectors, which a tile then reads from end to end.
void rotate_rows_kernel(float* rows, size_t count, const float* q, size_t dim) {
  const size_t lanes = hn::Lanes(kTag), panels = (count + 7) / 8;
  FloatTable copy(panels * 8 * dim), columns(2 * kLanes * dim), result(8 * dim);
  for (size_t row = 0; row < count; ++row) {
    float* to = copy.data() + row / 8 * 8 * dim + row % 8;
    for (size_t d = 0; d < dim; ++d) to[d * 8] = rows[row * dim + d];
  }
  for (size_t begin = 0; begin < dim; begin += 2 * kLanes) {
    const size_t width = std::min(2 * kLanes, dim - begin);
    for (size_t i = 0; i < dim; ++i) {
      std::copy_n(q + i * dim + begin, width, columns.data() + i * 2 * kLanes);
    }
    for (size_t panel = 0; panel < panels; ++panel) {
      const size_t used = std::min<size_t>(8, count - panel * 8);
      const float* left = copy.data() + panel * 8 * dim;
      float* to = used == 8 ? rows + panel * 8 * dim + begin : result.data();
      size_t d = 0;
      for (; lanes == kLanes && d + 2 * lanes <= width; d += 2 * lanes) {
        rotate_tile<2>(left, columns.data() + d, dim, to + d);
      }
      for (; d < width; d += lanes) rotate_tile<1>(left, columns.data() + d, dim, to + d);
      for (size_t r = 0; used < 8 && r < used; ++r) {
        std::copy_n(result.data() + r * dim, width, rows + (panel * 8 + r) * dim + begin);
      }
    }
  }
}

// Factors the kLanes × kLanes block on the diagonal at `block`; the diagonal then holds its
// inverses. Columns left of a row's diagonal are spoilt; nobody reads them. The square root is off
// the chain from pivot to pivot.
HWY_INLINE bool factor_diagonal(float* block, size_t dim) {
  const size_t lanes = hn::Lanes(kTag);
#pragma GCC unroll 16
  for (size_t k = 0; k < kLanes; ++k) {
    float* pivot_row = block + k * dim;
    if (!(pivot_row[k] > 0)) return false;
    const float inverse = 1.0F / pivot_row[k];
    const size_t first = k / lanes * lanes;
#pragma GCC unroll 16
    for (size_t i = k + 1; i < kLanes; ++i) {
      const Floats s = hn::Set(kTag, pivot_row[i] * inverse);
      float* row = block + i * dim;
      for (size_t d = first; d < kLanes; d += lanes) {
        hn::StoreU(hn::NegMulAdd(s, hn::LoadU(kTag, pivot_row + d), hn::LoadU(kTag, row + d)), kTag,
                   row + d);
      }
    }
    const float root = std::sqrt(inverse);
    const Floats scale = hn::Set(kTag, root);
    for (size_t d = first; d < kLanes; d += lanes) {
      hn::StoreU(hn::Mul(scale, hn::LoadU(kTag, pivot_row + d)), kTag, pivot_row + d);
    }
    pivot_row[k] = root;
  }
  return true;
}

// Solves the kLanes rows right of a factored diagonal block, a vector of columns at a time.
HWY_INLINE void factor_right(float* block, size_t columns, size_t dim) {
  for (size_t d = kLanes; d < columns; d += hn::Lanes(kTag)) {
    Floats v[kLanes];
#pragma GCC unroll 16
    for (size_t k = 0; k < kLanes; ++k) v[k] = hn::LoadU(kTag, block + k * dim + d);
#pragma GCC unroll 16
    for (size_t k = 0; k < kLanes; ++k) {
      const float* u = block + k * dim;
      v[k] = hn::Mul(hn::Set(kTag, u[k]), v[k]);
      hn::StoreU(v[k], kTag, block + k * dim + d);
#pragma GCC unroll 16
      for (size_t i = k + 1; i < kLanes; ++i) {
        v[i] = hn::NegMulAdd(hn::Set(kTag, u[i]), v[k], v[i]);
      }
    }
  }
}

// Uᵀ z = b over b, for the block's kLanes unknowns, and takes them off the rest of b.
HWY_INLINE void solve_down(const float* block, float* b, size_t columns, size_t dim) {
  for (size_t k = 0; k < kLanes; ++k) {
    const float* u = block + k * dim;
    b[k] *= u[k];
    for (size_t i = k + 1; i < kLanes; ++i) b[i] -= u[i] * b[k];
  }
  Floats z[kLanes];
#pragma GCC unroll 16
  for (size_t k = 0; k < kLanes; ++k) z[k] = hn::Set(kTag, b[k]);
  for (size_t d = kLanes; d < columns; d += hn::Lanes(kTag)) {
    // Two chains, so that one multiply-add need not wait for the other.
    Floats even = hn::LoadU(kTag, b + d), odd = hn::Zero(kTag);
#pragma GCC unroll 16
    for (size_t k = 0; k < kLanes; k += 2) {
      even = hn::NegMulAdd(z[k], hn::LoadU(kTag, block + k * dim + d), even);
      odd = hn::NegMulAdd(z[k + 1], hn::LoadU(kTag, block + (k + 1) * dim + d), odd);
    }
    hn::StoreU(hn::Add(even, odd), kTag, b + d);
  }
}

// U x = z over b, for the block's kLanes unknowns; those right of it are known.
HWY_INLINE void solve_up(const float* block, float* b, size_t columns, size_t dim) {
  HWY_ALIGN float known[kLanes];
#pragma GCC unroll 16
  for (size_t k = 0; k < kLanes; k += 4) {
    Floats sum[4] = {hn::Zero(kTag), hn::Zero(kTag), hn::Zero(kTag), hn::Zero(kTag)};
    for (size_t d = kLanes; d < columns; d += hn::Lanes(kTag)) {
      const Floats x = hn::LoadU(kTag, b + d);
#pragma GCC unroll 16
      for (size_t j = 0; j < 4; ++j) {
        sum[j] = hn::MulAdd(hn::LoadU(kTag, block + (k + j) * dim + d), x, sum[j]);
      }
    }
    reduce_four(kTag, sum, known + k);
  }
  for (size_t k = kLanes; k-- > 0;) {
    float rest = b[k] - known[k];
    for (size_t i = k + 1; i < kLanes; ++i) rest -= block[k * dim + i] * b[i];
    b[k] = rest * block[k * dim + k];
  }
}

bool cholesky_solve_kernel(float* a, float* b, size_t dim) {
  for (size_t begin = 0; begin < dim; begin += kLanes) {
    float* block = a + begin * dim + begin;
    if (!factor_diagonal(block, dim)) return false;
    factor_right(block, dim - begin, dim);
    solve_down(block, b + begin, dim - begin, dim);
    update_upper<true>({a + begin * dim, kLanes, dim, kLanes, dim}, begin + kLanes, a);
  }
  for (size_t begin = dim; begin > 0;) {
    begin -= kLanes;
    solve_up(a + begin * dim + begin, b + begin, dim - begin, dim);
  }
  return true;
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(add_outer_kernel);
HWY_EXPORT(subtract_products_kernel);
HWY_EXPORT(pack_rows_kernel);
HWY_EXPORT(pack_columns_kernel);
HWY_EXPORT(rotate_rows_kernel);
HWY_EXPORT(cholesky_solve_kernel);

void add_outer(const PackedRows& rows, float* c) {
  if (rows.count == 0) return;  // data may be null then
  HWY_DYNAMIC_DISPATCH(add_outer_kernel)(rows, c);
}

void subtract_products(const PackedRows& left, const PackedRows& right, const MatrixPart& c) {
  HWY_DYNAMIC_DISPATCH(subtract_products_kernel)(left, right, c);
}

void pack_rows(const PickedRows& rows, const RowScales& scales, float* packed, float* sum) {
  if (rows.count() == 0) return;  // the table may be null then
  HWY_DYNAMIC_DISPATCH(pack_rows_kernel)(rows, scales, packed, sum);
}

void pack_columns(const PickedRows& rows, const float* row_scale, const float* column_scale,
                  float* packed) {
  if (rows.count() == 0) return;
  HWY_DYNAMIC_DISPATCH(pack_columns_kernel)(rows, row_scale, column_scale, packed);
}

void rotate_rows(float* rows, size_t count, const float* q, size_t dim) {
  HWY_DYNAMIC_DISPATCH(rotate_rows_kernel)(rows, count, q, dim);
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
