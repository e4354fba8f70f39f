#include <algorithm>
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

// As quantize_vectors. Doubles: squares of floats neither overflow nor vanish.
template <class D>
HWY_INLINE size_t measure_vectors(D doubles, std::span<const float> values, size_t begin,
                                  double& squares, double& largest) {
  const hn::Rebind<float, D> floats;
  auto sum = hn::Zero(doubles), most = sum;
  size_t d = begin;
  for (; d + hn::Lanes(doubles) <= values.size(); d += hn::Lanes(doubles)) {
    const auto value = hn::PromoteTo(doubles, hn::LoadU(floats, values.data() + d));
    sum = hn::MulAdd(value, value, sum);
    most = hn::Max(most, hn::Abs(value));
  }
  squares += hn::GetLane(hn::SumOfLanes(doubles, sum));
  largest = std::max(largest, hn::GetLane(hn::MaxOfLanes(doubles, most)));
  return d;
}

Extent extent_kernel(std::span<const float> values) {
  double squares = 0, largest = 0;
  const hn::CappedTag<double, 8> wide;
  const size_t d = measure_vectors(wide, values, 0, squares, largest);
  measure_vectors(hn::CappedTag<double, 1>(), values, d, squares, largest);
  // Rounded up by more than a sum of kScreenDimMax doubles can be off.
  return {std::sqrt(squares) * (1 + 1e-9), static_cast<float>(largest)};
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(quantize_kernel);
HWY_EXPORT(extent_kernel);

Extent extent(std::span<const float> values) { return HWY_DYNAMIC_DISPATCH(extent_kernel)(values); }

double quantize(std::span<const float> values, float step, int8_t* codes) {
  const float lost = HWY_DYNAMIC_DISPATCH(quantize_kernel)(values, 1 / step, codes);
  // 1 / step and its product with a value are each off by at most 2^-24: together by less than
  // 127.4 * 2^-23 < 2e-5 of a step a dimension. Sums of up to kScreenDimMax squares by 2^-9.
  const auto dim = static_cast<double>(values.size());
  return std::sqrt(static_cast<double>(lost)) * 1.003 + std::sqrt(dim) * 2e-5;
}

}  // namespace palate
#endif
