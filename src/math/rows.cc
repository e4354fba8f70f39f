#include "math/rows.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/rows.cc"
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

HWY_INLINE float dot_one(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, size_t dim) {
  const size_t lanes = hn::Lanes(kTag);
  Floats sum = hn::Zero(kTag);
  for (size_t d = 0; d < dim; d += lanes) {
    sum = hn::MulAdd(hn::LoadU(kTag, a + d), hn::LoadU(kTag, b + d), sum);
  }
  return hn::GetLane(hn::SumOfLanes(kTag, sum));
}

// out[0..8) = rows · x. Eight sums at once hide the latency of the multiply-adds.
HWY_INLINE void dot_eight(const float* HWY_RESTRICT rows, size_t dim, const float* HWY_RESTRICT x,
                          float* HWY_RESTRICT out) {
  const size_t lanes = hn::Lanes(kTag);
  Floats s0 = hn::Zero(kTag), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (size_t d = 0; d < dim; d += lanes) {
    const Floats v = hn::LoadU(kTag, x + d);
    const float* row = rows + d;
    s0 = hn::MulAdd(hn::LoadU(kTag, row), v, s0);
    s1 = hn::MulAdd(hn::LoadU(kTag, row + dim), v, s1);
    s2 = hn::MulAdd(hn::LoadU(kTag, row + 2 * dim), v, s2);
    s3 = hn::MulAdd(hn::LoadU(kTag, row + 3 * dim), v, s3);
    s4 = hn::MulAdd(hn::LoadU(kTag, row + 4 * dim), v, s4);
    s5 = hn::MulAdd(hn::LoadU(kTag, row + 5 * dim), v, s5);
    s6 = hn::MulAdd(hn::LoadU(kTag, row + 6 * dim), v, s6);
    s7 = hn::MulAdd(hn::LoadU(kTag, row + 7 * dim), v, s7);
  }
  reduce_four(kTag, s0, s1, s2, s3, out);
  reduce_four(kTag, s4, s5, s6, s7, out + 4);
}

// y += the sum of s[i] * row i over eight rows.
HWY_INLINE void axpy_eight(const float* HWY_RESTRICT rows, size_t dim, const float* HWY_RESTRICT s,
                           float* HWY_RESTRICT y) {
  const size_t lanes = hn::Lanes(kTag);
  Floats c[8];
  for (size_t j = 0; j < 8; ++j) c[j] = hn::Set(kTag, s[j]);
  for (size_t d = 0; d < dim; d += lanes) {
    const float* row = rows + d;
    // Two chains, so that one multiply-add need not wait for the other.
    Floats even = hn::MulAdd(hn::LoadU(kTag, row), c[0], hn::LoadU(kTag, y + d));
    Floats odd = hn::Mul(hn::LoadU(kTag, row + dim), c[1]);
    even = hn::MulAdd(hn::LoadU(kTag, row + 2 * dim), c[2], even);
    odd = hn::MulAdd(hn::LoadU(kTag, row + 3 * dim), c[3], odd);
    even = hn::MulAdd(hn::LoadU(kTag, row + 4 * dim), c[4], even);
    odd = hn::MulAdd(hn::LoadU(kTag, row + 5 * dim), c[5], odd);
    even = hn::MulAdd(hn::LoadU(kTag, row + 6 * dim), c[6], even);
    odd = hn::MulAdd(hn::LoadU(kTag, row + 7 * dim), c[7], odd);
    hn::StoreU(hn::Add(even, odd), kTag, y + d);
  }
}

HWY_INLINE void axpy_one(float scale, const float* HWY_RESTRICT x, float* HWY_RESTRICT y,
                         size_t dim) {
  const Floats s = hn::Set(kTag, scale);
  for (size_t d = 0; d < dim; d += hn::Lanes(kTag)) {
    hn::StoreU(hn::MulAdd(hn::LoadU(kTag, x + d), s, hn::LoadU(kTag, y + d)), kTag, y + d);
  }
}

float dot_kernel(const float* a, const float* b, size_t dim) { return dot_one(a, b, dim); }

void axpy_kernel(float scale, const float* x, float* y, size_t dim) { axpy_one(scale, x, y, dim); }

void rows_dot_kernel(const RowsView& rows, const float* x, float* out) {
  size_t i = 0;
  for (; i + 8 <= rows.count; i += 8) dot_eight(rows.row(i), rows.dim, x, out + i);
  for (; i < rows.count; ++i) out[i] = dot_one(rows.row(i), x, rows.dim);
}

void rows_apply_kernel(const RowsView& rows, const float* offset, const float* scale,
                       const float* x, float* y) {
  HWY_ALIGN float s[8];
  size_t i = 0;
  for (; i + 8 <= rows.count; i += 8) {
    dot_eight(rows.row(i), rows.dim, x, s);
    for (size_t j = 0; j < 8; ++j) s[j] = scale[i + j] * s[j];
    if (offset != nullptr) {
      for (size_t j = 0; j < 8; ++j) s[j] += offset[i + j];
    }
    axpy_eight(rows.row(i), rows.dim, s, y);
  }
  for (; i < rows.count; ++i) {
    const float z = scale[i] * dot_one(rows.row(i), x, rows.dim);
    axpy_one(offset != nullptr ? offset[i] + z : z, rows.row(i), y, rows.dim);
  }
}

double rows_quadratic_kernel(const RowsView& rows, const float* scale, const float* x) {
  HWY_ALIGN float z[8];
  double sum = 0;
  size_t i = 0;
  for (; i + 8 <= rows.count; i += 8) {
    dot_eight(rows.row(i), rows.dim, x, z);
    float part = 0;
    for (size_t j = 0; j < 8; ++j) part += scale[i + j] * z[j] * z[j];
    sum += part;
  }
  for (; i < rows.count; ++i) {
    const float one = dot_one(rows.row(i), x, rows.dim);
    sum += scale[i] * one * one;
  }
  return sum;
}

void gather_rows_kernel(const RowsView& table, std::span<const uint32_t> index, float* out) {
  constexpr size_t kAhead = 8;  // rows; covers the latency of the last-level cache
  const size_t dim = table.dim, lanes = hn::Lanes(kTag), count = index.size();
  for (size_t i = 0; i < count; ++i) {
    const float* next = table.row(index[std::min(i + kAhead, count - 1)]);
    const float* row = table.row(index[i]);
    for (size_t d = 0; d < dim; d += kLanes) {
      hwy::Prefetch(next + d);
      for (size_t l = 0; l < kLanes; l += lanes) {
        hn::StoreU(hn::LoadU(kTag, row + d + l), kTag, out + d + l);
      }
    }
    out += dim;
  }
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(dot_kernel);
HWY_EXPORT(axpy_kernel);
HWY_EXPORT(rows_dot_kernel);
HWY_EXPORT(rows_apply_kernel);
HWY_EXPORT(rows_quadratic_kernel);
HWY_EXPORT(gather_rows_kernel);

float dot(const float* a, const float* b, size_t dim) {
  return HWY_DYNAMIC_DISPATCH(dot_kernel)(a, b, dim);
}
void axpy(float scale, const float* x, float* y, size_t dim) {
  HWY_DYNAMIC_DISPATCH(axpy_kernel)(scale, x, y, dim);
}
void rows_dot(const RowsView& rows, const float* x, float* out) {
  HWY_DYNAMIC_DISPATCH(rows_dot_kernel)(rows, x, out);
}
void rows_apply(const RowsView& rows, const float* offset, const float* scale, const float* x,
                float* y) {
  HWY_DYNAMIC_DISPATCH(rows_apply_kernel)(rows, offset, scale, x, y);
}
double rows_quadratic(const RowsView& rows, const float* scale, const float* x) {
  return HWY_DYNAMIC_DISPATCH(rows_quadratic_kernel)(rows, scale, x);
}
void gather_rows(const RowsView& table, std::span<const uint32_t> index, float* out) {
  HWY_DYNAMIC_DISPATCH(gather_rows_kernel)(table, index, out);
}

}  // namespace palate
#endif
