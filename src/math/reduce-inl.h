// Sums of lanes, four vectors at a time. Included once for every instruction set (Highway's -inl
// convention).
#if defined(PALATE_MATH_REDUCE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef PALATE_MATH_REDUCE_INL
#undef PALATE_MATH_REDUCE_INL
#else
#define PALATE_MATH_REDUCE_INL
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
template <class D, class V>
HWY_INLINE void reduce_four(D d, const V* HWY_RESTRICT sums, float* HWY_RESTRICT out) {
  for (size_t i = 0; i < 4; ++i) hwy::HWY_NAMESPACE::Store(sums[i], d, out + i);
}
#else
// Adds the 128-bit blocks of `v` up.
template <class D, class V>
HWY_INLINE auto add_blocks(D d, V v) {
  if constexpr (hwy::HWY_NAMESPACE::MaxLanes(d) <= 4) {
    return v;
  } else {
    const hwy::HWY_NAMESPACE::Half<D> half;
    return add_blocks(half, hwy::HWY_NAMESPACE::Add(hwy::HWY_NAMESPACE::LowerHalf(half, v),
                                                    hwy::HWY_NAMESPACE::UpperHalf(half, v)));
  }
}

// out[0..4) = the sums of the lanes of each of sums[0..4): six shuffles for four sums instead of
// four each.
template <class D, class V>
HWY_INLINE void reduce_four(D d, const V* HWY_RESTRICT sums, float* HWY_RESTRICT out) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::Repartition<double, D> wide;
  const V ab =
      hn::Add(hn::InterleaveLower(d, sums[0], sums[1]), hn::InterleaveUpper(d, sums[0], sums[1]));
  const V ce =
      hn::Add(hn::InterleaveLower(d, sums[2], sums[3]), hn::InterleaveUpper(d, sums[2], sums[3]));
  const auto ab2 = hn::BitCast(wide, ab), ce2 = hn::BitCast(wide, ce);
  const V low = hn::BitCast(d, hn::InterleaveLower(wide, ab2, ce2));
  const V high = hn::BitCast(d, hn::InterleaveUpper(wide, ab2, ce2));
  const hn::CappedTag<float, 4> quad;
  hn::StoreU(add_blocks(d, hn::Add(low, high)), quad, out);
}
#endif

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
