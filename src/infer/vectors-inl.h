// What the kernels of this room share: loops over columns, and activations. Included once for
// every instruction set (Highway's -inl convention).
#if defined(PALATE_INFER_VECTORS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef PALATE_INFER_VECTORS_INL
#undef PALATE_INFER_VECTORS_INL
#else
#define PALATE_INFER_VECTORS_INL
#endif

#include <hwy/highway.h>
// Highway's own headers come in this order.
#include <hwy/contrib/math/math-inl.h>

#include "infer/product.h"

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
const hn::CappedTag<float, kPanelColumns> kWide;
const hn::CappedTag<float, 1> kOneLane;

// body(tag, column) over all columns: whole vectors, then one by one. A column is always computed
// the same way, whatever row it is in.
template <class Body>
HWY_INLINE void each_column(size_t width, const Body& body) {
  const size_t lanes = hn::Lanes(kWide);
  size_t c = 0;
  for (; c + lanes <= width; c += lanes) body(kWide, c);
  for (; c < width; ++c) body(kOneLane, c);
}

// bf16, widened.
template <class D>
HWY_INLINE hn::Vec<D> load_bf16(D d, const uint16_t* at) {
  const hn::RebindToUnsigned<D> bits;
  const hn::Rebind<uint16_t, D> half;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(bits, hn::LoadU(half, at))));
}

// The sum over all columns of body(tag, column).
template <class Body>
HWY_INLINE float sum_of_columns(size_t width, const Body& body) {
  const size_t lanes = hn::Lanes(kWide);
  auto wide = hn::Zero(kWide);
  size_t c = 0;
  for (; c + lanes <= width; c += lanes) wide = hn::Add(wide, body(kWide, c));
  float sum = hn::GetLane(hn::SumOfLanes(kWide, wide));
  for (; c < width; ++c) sum += hn::GetLane(body(kOneLane, c));
  return sum;
}

template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0F), most = hn::Set(d, 88.0F);
  const V inside = hn::Min(hn::Max(x, hn::Neg(most)), most);
  return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(inside))));
}

template <class D, class V>
HWY_NOINLINE V activated_slowly(D d, V x, Activation activation) {
  if (activation == Activation::kTanh) return hn::Tanh(d, x);
  const V gate = sigmoid(d, x);
  return activation == Activation::kSilu ? hn::Mul(x, gate) : gate;
}

template <class D, class V>
HWY_INLINE V activated(D d, V x, Activation activation) {
  if (activation == Activation::kNone) return x;
  if (activation == Activation::kRelu) return hn::Max(x, hn::Zero(d));
  return activated_slowly(d, x, activation);
}

// Where in a block's result.
struct Spot {
  size_t row, column;
};
// The sums of one row, from a column on, finished.
template <class D>
HWY_INLINE hn::Vec<D> finished(D d, hn::Vec<D> sum, const Epilogue& epilogue, Spot at) {
  const auto [row, column] = at;
  hn::Vec<D> y =
      activated(d, hn::Add(sum, hn::LoadU(d, epilogue.bias + column)), epilogue.activation);
  if (epilogue.times.data != nullptr) {
    y = hn::MulAdd(hn::LoadU(d, epilogue.times.row(row) + column), y,
                   hn::LoadU(d, epilogue.plus.row(row) + column));
  }
  return y;
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
