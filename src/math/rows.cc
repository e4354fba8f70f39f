#include "math/rows.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/rows.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

#include "math/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
const hn::CappedTag<float, kLanes> kTag;
using Floats = hn::Vec<decltype(kTag)>;

// Eight rows at a time: their sums hide the latency of each other's multiply-adds.
constexpr size_t kGroup = 8;
constexpr size_t kAheadRows = 6 * kGroup;  // of prefetching; covers the way to memory

HWY_INLINE float dot_one(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, size_t dim) {
  const size_t lanes = hn::Lanes(kTag);
  Floats sum = hn::Zero(kTag);
  for (size_t d = 0; d < dim; d += lanes) {
    sum = hn::MulAdd(hn::LoadU(kTag, a + d), hn::LoadU(kTag, b + d), sum);
  }
  return hn::GetLane(hn::SumOfLanes(kTag, sum));
}

HWY_INLINE void axpy_one(float scale, const float* HWY_RESTRICT x, float* HWY_RESTRICT y,
                         size_t dim) {
  const Floats s = hn::Set(kTag, scale);
  for (size_t d = 0; d < dim; d += hn::Lanes(kTag)) {
    hn::StoreU(hn::MulAdd(hn::LoadU(kTag, x + d), s, hn::LoadU(kTag, y + d)), kTag, y + d);
  }
}

// out[0..8) = rows · x.
HWY_INLINE void dot_eight(const float* const* rows, size_t dim, const float* HWY_RESTRICT x,
                          float* HWY_RESTRICT out) {
  Floats sum[kGroup];
#pragma GCC unroll 16
  for (size_t j = 0; j < kGroup; ++j) sum[j] = hn::Zero(kTag);
  for (size_t d = 0; d < dim; d += hn::Lanes(kTag)) {
    const Floats v = hn::LoadU(kTag, x + d);
#pragma GCC unroll 16
    for (size_t j = 0; j < kGroup; ++j) {
      sum[j] = hn::MulAdd(hn::LoadU(kTag, rows[j] + d), v, sum[j]);
    }
  }
  reduce_four(kTag, sum, out);
  reduce_four(kTag, sum + 4, out + 4);
}

// y += the sum of s[j] * row j over eight rows.
HWY_INLINE void axpy_eight(const float* const* rows, size_t dim, const float* HWY_RESTRICT s,
                           float* HWY_RESTRICT y) {
  Floats c[kGroup];
#pragma GCC unroll 16
  for (size_t j = 0; j < kGroup; ++j) c[j] = hn::Set(kTag, s[j]);
  for (size_t d = 0; d < dim; d += hn::Lanes(kTag)) {
    // Two chains, so that one multiply-add need not wait for the other.
    Floats even = hn::MulAdd(hn::LoadU(kTag, rows[0] + d), c[0], hn::LoadU(kTag, y + d));
    Floats odd = hn::Mul(hn::LoadU(kTag, rows[1] + d), c[1]);
#pragma GCC unroll 16
    for (size_t j = 2; j < kGroup; j += 2) {
      even = hn::MulAdd(hn::LoadU(kTag, rows[j] + d), c[j], even);
      odd = hn::MulAdd(hn::LoadU(kTag, rows[j + 1] + d), c[j + 1], odd);
    }
    hn::StoreU(hn::Add(even, odd), kTag, y + d);
  }
}

// The eight rows from `begin` on, with those further on asked for. Beyond the end: the last row,
// again.
HWY_INLINE void pick_eight(const PickedRows& rows, size_t begin, const float** out) {
  const uint32_t* index = rows.index.data() + begin;
  const size_t left = rows.count() - begin;
#pragma GCC unroll 16
  for (size_t j = 0; j < kGroup; ++j) out[j] = rows.table.row(index[j < left ? j : left - 1]);
  if (rows.cached || kAheadRows + kGroup > left + rows.upcoming) return;
#pragma GCC unroll 16
  for (size_t j = 0; j < kGroup; ++j) {
    const float* next = rows.table.row(index[kAheadRows + j]);
    // Into the second level: the first is full of what is worked on.
    for (size_t d = 0; d < rows.table.dim; d += kLanes) __builtin_prefetch(next + d, 0, 2);
  }
}

// The numbers of eight rows from `begin` on; zeros beyond the end and where there are none.
struct EightScales {
  HWY_ALIGN float offset[kGroup], scale[kGroup];
};
HWY_INLINE EightScales scales_of(const RowScales& scales, size_t begin, size_t count) {
  EightScales out;
  const size_t left = std::min(kGroup, count - begin);
  if (left == kGroup) {
    std::copy_n(scales.scale + begin, kGroup, out.scale);
  } else {
    for (size_t j = 0; j < kGroup; ++j) out.scale[j] = j < left ? scales.scale[begin + j] : 0.0F;
  }
  for (size_t j = 0; j < kGroup; ++j) {
    out.offset[j] = scales.offset != nullptr && j < left ? scales.offset[begin + j] : 0.0F;
  }
  return out;
}

float dot_kernel(const float* a, const float* b, size_t dim) { return dot_one(a, b, dim); }

void axpy_kernel(float scale, const float* x, float* y, size_t dim) { axpy_one(scale, x, y, dim); }

void rows_dot_kernel(const RowsView& rows, const float* x, float* out) {
  const float* group[kGroup];
  size_t i = 0;
  for (; i + kGroup <= rows.count; i += kGroup) {
#pragma GCC unroll 16
    for (size_t j = 0; j < kGroup; ++j) group[j] = rows.row(i + j);
    dot_eight(group, rows.dim, x, out + i);
  }
  for (; i < rows.count; ++i) out[i] = dot_one(rows.row(i), x, rows.dim);
}

void picked_dot_kernel(const PickedRows& rows, const float* x, float* out) {
  const float* group[kGroup];
  HWY_ALIGN float z[kGroup];
  for (size_t i = 0; i < rows.count(); i += kGroup) {
    pick_eight(rows, i, group);
    dot_eight(group, rows.table.dim, x, z);
    std::copy_n(z, std::min(kGroup, rows.count() - i), out + i);
  }
}

// As apply_wide for rows of kVectors whole vectors: x, y and four rows stay in registers, so that a
// row is loaded once for its inner product and its addition.
template <size_t kVectors>
HWY_INLINE double apply_narrow(const PickedRows& rows, const RowScales& scales, const float* x,
                               float* y) {
  const size_t lanes = hn::Lanes(kTag);
  Floats xs[kVectors], ys[kVectors];
#pragma GCC unroll 16
  for (size_t v = 0; v < kVectors; ++v) xs[v] = hn::LoadU(kTag, x + v * lanes);
#pragma GCC unroll 16
  for (size_t v = 0; v < kVectors; ++v) ys[v] = hn::LoadU(kTag, y + v * lanes);
  const float* group[kGroup];
  HWY_ALIGN float s[kGroup];
  double offset_sum = 0;
  for (size_t i = 0; i < rows.count(); i += kGroup) {
    pick_eight(rows, i, group);
    const EightScales eight = scales_of(scales, i, rows.count());
    float part = 0;
#pragma GCC unroll 16
    for (size_t half = 0; half < kGroup; half += 4) {
      if (i + half >= rows.count()) break;
      Floats row[4][kVectors], sum[4];
#pragma GCC unroll 16
      for (size_t j = 0; j < 4; ++j) {
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; ++v) {
          row[j][v] = hn::LoadU(kTag, group[half + j] + v * lanes);
        }
        sum[j] = hn::Mul(row[j][0], xs[0]);
#pragma GCC unroll 16
        for (size_t v = 1; v < kVectors; ++v) sum[j] = hn::MulAdd(row[j][v], xs[v], sum[j]);
      }
      reduce_four(kTag, sum, s);
#pragma GCC unroll 16
      for (size_t j = 0; j < 4; ++j) {
        part += eight.offset[half + j] * s[j];
        const Floats c = hn::Set(kTag, eight.offset[half + j] + eight.scale[half + j] * s[j]);
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; ++v) ys[v] = hn::MulAdd(row[j][v], c, ys[v]);
      }
    }
    offset_sum += part;
  }
#pragma GCC unroll 16
  for (size_t v = 0; v < kVectors; ++v) hn::StoreU(ys[v], kTag, y + v * lanes);
  return offset_sum;
}

// Eight rows to be multiplied, eight that were and are added with their factors.
struct EightAndEight {
  const float* const* rows;
  const float* const* done;
  const float* s;
  size_t dim;
};
// out[0..8) = rows · x, and in the same loop y += the sum of s[j] * done[j]: the inner products
// wait for the second-level cache while the additions read from the first.
HWY_INLINE void dot_and_axpy_eight(const EightAndEight& eight, const float* HWY_RESTRICT x,
                                   float* HWY_RESTRICT y, float* HWY_RESTRICT out) {
  const auto [rows, done, s, dim] = eight;
  Floats sum[kGroup], c[kGroup];
#pragma GCC unroll 16
  for (size_t j = 0; j < kGroup; ++j) sum[j] = hn::Zero(kTag);
#pragma GCC unroll 16
  for (size_t j = 0; j < kGroup; ++j) c[j] = hn::Set(kTag, s[j]);
  for (size_t d = 0; d < dim; d += hn::Lanes(kTag)) {
    const Floats v = hn::LoadU(kTag, x + d);
    Floats even = hn::LoadU(kTag, y + d), odd = hn::Zero(kTag);
#pragma GCC unroll 16
    for (size_t j = 0; j < kGroup; ++j) {
      sum[j] = hn::MulAdd(hn::LoadU(kTag, rows[j] + d), v, sum[j]);
      Floats& part = j % 2 == 0 ? even : odd;
      part = hn::MulAdd(hn::LoadU(kTag, done[j] + d), c[j], part);
    }
    hn::StoreU(hn::Add(even, odd), kTag, y + d);
  }
  reduce_four(kTag, sum, out);
  reduce_four(kTag, sum + 4, out + 4);
}

HWY_INLINE double apply_wide(const PickedRows& rows, const RowScales& scales, const float* x,
                             float* y) {
  if (rows.count() == 0) return 0;
  const float* groups[2][kGroup];
  HWY_ALIGN float s[kGroup] = {};
  double offset_sum = 0;
  pick_eight(rows, 0, groups[1]);  // of the additions of nothing in the first round
  size_t current = 0;
  for (size_t i = 0; i < rows.count(); i += kGroup, current ^= 1) {
    HWY_ALIGN float z[kGroup];
    pick_eight(rows, i, groups[current]);
    dot_and_axpy_eight({groups[current], groups[current ^ 1], s, rows.table.dim}, x, y, z);
    const EightScales eight = scales_of(scales, i, rows.count());
    float part = 0;
#pragma GCC unroll 16
    for (size_t j = 0; j < kGroup; ++j) {
      part += eight.offset[j] * z[j];
      s[j] = eight.offset[j] + eight.scale[j] * z[j];
    }
    offset_sum += part;
  }
  axpy_eight(groups[current ^ 1], rows.table.dim, s, y);
  return offset_sum;
}

double rows_apply_kernel(const PickedRows& rows, const RowScales& scales, const float* x,
                         float* y) {
  switch (rows.table.dim / hn::Lanes(kTag)) {
    case 1:
      return apply_narrow<1>(rows, scales, x, y);
    case 2:
      return apply_narrow<2>(rows, scales, x, y);
    case 3:
      return apply_narrow<3>(rows, scales, x, y);
    case 4:
      return apply_narrow<4>(rows, scales, x, y);
    default:
      return apply_wide(rows, scales, x, y);
  }
}

void rows_add_kernel(const PickedRows& rows, const float* scale, float* y) {
  const float* group[kGroup];
  for (size_t i = 0; i < rows.count(); i += kGroup) {
    pick_eight(rows, i, group);
    axpy_eight(group, rows.table.dim, scales_of({nullptr, scale}, i, rows.count()).scale, y);
  }
}

double rows_quadratic_kernel(const PickedRows& rows, const float* scale, const float* x) {
  HWY_ALIGN float z[kGroup];
  const float* group[kGroup];
  double sum = 0;
  for (size_t i = 0; i < rows.count(); i += kGroup) {
    pick_eight(rows, i, group);
    const EightScales eight = scales_of({nullptr, scale}, i, rows.count());
    dot_eight(group, rows.table.dim, x, z);
    float part = 0;
#pragma GCC unroll 16
    for (size_t j = 0; j < kGroup; ++j) part += eight.scale[j] * z[j] * z[j];
    sum += part;
  }
  return sum;
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(dot_kernel);
HWY_EXPORT(axpy_kernel);
HWY_EXPORT(rows_dot_kernel);
HWY_EXPORT(picked_dot_kernel);
HWY_EXPORT(rows_apply_kernel);
HWY_EXPORT(rows_add_kernel);
HWY_EXPORT(rows_quadratic_kernel);

float dot(const float* a, const float* b, size_t dim) {
  return HWY_DYNAMIC_DISPATCH(dot_kernel)(a, b, dim);
}
void axpy(float scale, const float* x, float* y, size_t dim) {
  HWY_DYNAMIC_DISPATCH(axpy_kernel)(scale, x, y, dim);
}
void rows_dot(const RowsView& rows, const float* x, float* out) {
  HWY_DYNAMIC_DISPATCH(rows_dot_kernel)(rows, x, out);
}
void rows_dot(const PickedRows& rows, const float* x, float* out) {
  HWY_DYNAMIC_DISPATCH(picked_dot_kernel)(rows, x, out);
}
double rows_apply(const PickedRows& rows, const RowScales& scales, const float* x, float* y) {
  return HWY_DYNAMIC_DISPATCH(rows_apply_kernel)(rows, scales, x, y);
}
void rows_add(const PickedRows& rows, const float* scale, float* y) {
  HWY_DYNAMIC_DISPATCH(rows_add_kernel)(rows, scale, y);
}
double rows_quadratic(const PickedRows& rows, const float* scale, const float* x) {
  return HWY_DYNAMIC_DISPATCH(rows_quadratic_kernel)(rows, scale, x);
}

}  // namespace palate
#endif
