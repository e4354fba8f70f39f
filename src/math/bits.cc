#include "math/bits.h"

#include <algorithm>
#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/bits.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Of `words` whole words of both; `b` nullptr: of `a` alone.
size_t count_words_kernel(const uint64_t* a, const uint64_t* b, size_t words) {
  const hn::CappedTag<uint64_t, 8> tag;
  auto sum = hn::Zero(tag);
  size_t w = 0;
  for (; w + hn::Lanes(tag) <= words; w += hn::Lanes(tag)) {
    auto both = hn::LoadU(tag, a + w);
    if (b != nullptr) both = hn::Or(both, hn::LoadU(tag, b + w));
    sum = hn::Add(sum, hn::PopulationCount(both));
  }
  uint64_t count = hn::GetLane(hn::SumOfLanes(tag, sum));
  for (; w < words; ++w) {
    count += static_cast<uint64_t>(std::popcount(a[w] | (b != nullptr ? b[w] : 0)));
  }
  return count;
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(count_words_kernel);

size_t count_either(std::span<const uint64_t> a, std::span<const uint64_t> b, size_t bits) {
  const size_t whole = bits / 64;
  const size_t in_a = std::min(whole, a.size()), in_b = std::min(whole, b.size());
  const size_t shared = std::min(in_a, in_b);
  const auto count = HWY_DYNAMIC_DISPATCH(count_words_kernel);
  size_t set = count(a.data(), b.data(), shared);
  set += count(a.data() + shared, nullptr, in_a - shared);
  set += count(b.data() + shared, nullptr, in_b - shared);
  if (bits % 64 == 0) return set;
  uint64_t last = 0;
  if (whole < a.size()) last |= a[whole];
  if (whole < b.size()) last |= b[whole];
  const uint64_t counted = (uint64_t{1} << bits % 64) - 1;
  return set + static_cast<size_t>(std::popcount(last & counted));
}

}  // namespace palate
#endif
