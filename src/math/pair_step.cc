#include "math/pair_step.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/pair_step.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
// Eight at a time: rows are short, and what is left at the end goes one by one.
const hn::CappedTag<float, 8> kTag;

HWY_INLINE float value_of(const float* HWY_RESTRICT w, const float* HWY_RESTRICT h, size_t dim) {
  const size_t lanes = hn::Lanes(kTag);
  size_t d = 1;
  auto sum = hn::Zero(kTag);
  for (; d + lanes <= dim; d += lanes) {
    sum = hn::MulAdd(hn::LoadU(kTag, w + d), hn::LoadU(kTag, h + d), sum);
  }
  float value = w[0] + h[0] + hn::GetLane(hn::SumOfLanes(kTag, sum));
  for (; d < dim; ++d) value += w[d] * h[d];
  return value;
}

float pair_value_simd(const float* w, const float* h, size_t dim) { return value_of(w, h, dim); }

void pair_step_simd(float* HWY_RESTRICT w, float* HWY_RESTRICT h, size_t dim,
                    const PairStep& step) {
  const size_t lanes = hn::Lanes(kTag);
  const float error = step.value - value_of(w, h, dim);
  const float push = step.rate * error;
  const float keep_w = 1 - step.rate * step.w_ridge, keep_h = 1 - step.rate * step.h_ridge;
  w[0] = keep_w * w[0] + push;
  h[0] = keep_h * h[0] + push;
  const auto push_all = hn::Set(kTag, push);
  const auto keep_w_all = hn::Set(kTag, keep_w), keep_h_all = hn::Set(kTag, keep_h);
  size_t d = 1;
  for (; d + lanes <= dim; d += lanes) {
    const auto a = hn::LoadU(kTag, w + d), b = hn::LoadU(kTag, h + d);
    hn::StoreU(hn::MulAdd(push_all, b, hn::Mul(keep_w_all, a)), kTag, w + d);
    hn::StoreU(hn::MulAdd(push_all, a, hn::Mul(keep_h_all, b)), kTag, h + d);
  }
  for (; d < dim; ++d) {
    const float a = w[d], b = h[d];
    w[d] = keep_w * a + push * b;
    h[d] = keep_h * b + push * a;
  }
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(pair_step_simd);
HWY_EXPORT(pair_value_simd);

void pair_step(float* w, float* h, size_t dim, const PairStep& step) {
  HWY_DYNAMIC_DISPATCH(pair_step_simd)(w, h, dim, step);
}

float pair_value(const float* w, const float* h, size_t dim) {
  return HWY_DYNAMIC_DISPATCH(pair_value_simd)(w, h, dim);
}

}  // namespace palate
#endif
