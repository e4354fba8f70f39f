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

// The part of `values` that fills whole vectors of 16; the rest goes lane by lane.
HWY_INLINE size_t whole(std::span<const float> values) {
  return values.size() - values.size() % 16;
}

// `values` must fill whole vectors. Returns the sum of the squares of what is lost.
template <class D>
HWY_INLINE float quantize_vectors(D floats, std::span<const float> values, float per_value,
                                  int8_t* codes) {
  const hn::Rebind<int8_t, D> bytes;
  const hn::RebindToSigned<D> ints;
  const auto scale = hn::Set(floats, per_value);
  auto sum = hn::Zero(floats);
  for (size_t d = 0; d < values.size(); d += hn::Lanes(floats)) {
    const auto exact = hn::Mul(hn::LoadU(floats, values.data() + d), scale);
    const auto code = hn::NearestInt(exact);
    const auto off = hn::Sub(exact, hn::ConvertTo(floats, code));
    hn::StoreU(hn::DemoteTo(bytes, hn::BitCast(ints, code)), bytes, codes + d);
    sum = hn::MulAdd(off, off, sum);
  }
  return hn::GetLane(hn::SumOfLanes(floats, sum));
}

float quantize_kernel(std::span<const float> values, float per_value, int8_t* codes) {
  const size_t end = whole(values);
  const hn::CappedTag<float, 16> wide;
  const hn::CappedTag<float, 1> one;
  return quantize_vectors(wide, values.first(end), per_value, codes) +
         quantize_vectors(one, values.subspan(end), per_value, codes + end);
}

struct Measured {
  double squares, largest;
};

// As quantize_vectors. Doubles: squares of floats neither overflow nor vanish.
template <class D>
HWY_INLINE Measured measure_vectors(D doubles, std::span<const float> values) {
  const hn::Rebind<float, D> floats;
  auto sum = hn::Zero(doubles), most = sum;
  for (size_t d = 0; d < values.size(); d += hn::Lanes(doubles)) {
    const auto value = hn::PromoteTo(doubles, hn::LoadU(floats, values.data() + d));
    sum = hn::MulAdd(value, value, sum);
    most = hn::Max(most, hn::Abs(value));
  }
  return {hn::GetLane(hn::SumOfLanes(doubles, sum)), hn::GetLane(hn::MaxOfLanes(doubles, most))};
}

Extent extent_kernel(std::span<const float> values) {
  const size_t end = whole(values);
  const Measured most = measure_vectors(hn::CappedTag<double, 8>(), values.first(end));
  const Measured rest = measure_vectors(hn::CappedTag<double, 1>(), values.subspan(end));
  // Rounded up by more than a sum of kScreenDimMax doubles can be off.
  return {std::sqrt(most.squares + rest.squares) * (1 + 1e-9),
          static_cast<float>(std::max(most.largest, rest.largest))};
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
