#include <cmath>

#include "math/screen.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/quantize.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Codes of whole vectors of `values` from `begin` on; adds the squares of what is lost to `lost`.
// Returns where it stopped.
template <class D>
HWY_INLINE size_t quantize_vectors(D floats, std::span<const float> values, size_t begin,
                                   float per_value, int8_t* codes, float& lost) {
  const hn::Rebind<int8_t, D> bytes;
  const hn::RebindToSigned<D> ints;
  const auto scale = hn::Set(floats, per_value);
  auto sum = hn::Zero(floats);
  size_t d = begin;
  for (; d + hn::Lanes(floats) <= values.size(); d += hn::Lanes(floats)) {
    const auto exact = hn::Mul(hn::LoadU(floats, values.data() + d), scale);
    const auto code = hn::NearestInt(exact);
    const auto off = hn::Sub(exact, hn::ConvertTo(floats, code));
    hn::StoreU(hn::DemoteTo(bytes, hn::BitCast(ints, code)), bytes, codes + d);
    sum = hn::MulAdd(off, off, sum);
  }
  lost += hn::GetLane(hn::SumOfLanes(floats, sum));
  return d;
}

float quantize_kernel(std::span<const float> values, float per_value, int8_t* codes) {
  float lost = 0;
  const hn::CappedTag<float, 16> wide;
  const size_t d = quantize_vectors(wide, values, 0, per_value, codes, lost);
  quantize_vectors(hn::CappedTag<float, 1>(), values, d, per_value, codes, lost);
  return lost;
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(quantize_kernel);

double quantize(std::span<const float> values, float step, int8_t* codes) {
  const float lost = HWY_DYNAMIC_DISPATCH(quantize_kernel)(values, 1 / step, codes);
  // 1 / step and its product with a value are each off by at most 2^-24: together by less than
  // 127.4 * 2^-23 < 2e-5 of a step a dimension. Sums of up to kScreenDimMax squares by 2^-9.
  const auto dim = static_cast<double>(values.size());
  return std::sqrt(static_cast<double>(lost)) * 1.003 + std::sqrt(dim) * 2e-5;
}

}  // namespace palate
#endif
