#include "infer/trees_kernel.h"

#include <bit>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "infer/trees_kernel.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
const hn::CappedTag<float, 16> kFloats;
const hn::RebindToUnsigned<decltype(kFloats)> kBits;
const hn::RebindToSigned<decltype(kFloats)> kPlaces;
constexpr size_t kVectors = kTreeRows / hn::MaxLanes(kFloats);

// The leaves of a word that stay, for all rows of a group.
struct Standing {
  hn::Vec<decltype(kBits)> bits[kVectors];
};

HWY_INLINE void cross_out(const NumberSplit& split, const float* columns, Standing& standing) {
  const float* x = columns + split.column * kTreeRows;
  const auto threshold = hn::Set(kFloats, split.threshold);
  const auto stay = hn::Set(kBits, split.stay);
#pragma GCC unroll 16
  for (size_t v = 0; v < kVectors; ++v) {
    const auto left = hn::Le(hn::Load(kFloats, x + v * hn::Lanes(kFloats)), threshold);
    const auto all = hn::BitCast(kBits, hn::VecFromMask(kFloats, left));
    standing.bits[v] = hn::And(standing.bits[v], hn::Or(all, stay));
  }
}

HWY_INLINE void cross_out(const CategorySplit& split, const uint32_t* bits, const float* columns,
                          Standing& standing) {
  const auto* x = reinterpret_cast<const uint32_t*>(columns + split.column * kTreeRows);
  const auto* words = reinterpret_cast<const int32_t*>(bits + split.first_word);
  const auto last = hn::Set(kBits, split.words), one = hn::Set(kBits, 1U);
  const auto stay = hn::Set(kBits, split.stay);
#pragma GCC unroll 16
  for (size_t v = 0; v < kVectors; ++v) {
    const auto category = hn::Load(kBits, x + v * hn::Lanes(kBits));
    const auto place = hn::Min(hn::ShiftRight<5>(category), last);
    const auto word =
        hn::BitCast(kBits, hn::GatherIndex(kPlaces, words, hn::BitCast(kPlaces, place)));
    const auto bit = hn::And(hn::Shr(word, hn::And(category, hn::Set(kBits, 31U))), one);
    // 1 becomes all bits, 0 none.
    const auto all = hn::Sub(hn::Zero(kBits), bit);
    standing.bits[v] = hn::And(standing.bits[v], hn::Or(all, stay));
  }
}

HWY_INLINE void standing_leaves(const TreeWord& word, const uint32_t* bits, const float* columns,
                                uint32_t* out) {
  Standing standing;
#pragma GCC unroll 16
  for (size_t v = 0; v < kVectors; ++v) standing.bits[v] = hn::Set(kBits, ~0U);
  for (const NumberSplit& split : word.numbers) cross_out(split, columns, standing);
  for (const CategorySplit& split : word.categories) cross_out(split, bits, columns, standing);
#pragma GCC unroll 16
  for (size_t v = 0; v < kVectors; ++v) {
    hn::Store(standing.bits[v], kBits, out + v * hn::Lanes(kBits));
  }
}

void leaves_kernel(std::span<const TreeWord> words, const uint32_t* bits, const float* columns,
                   double* sums) {
  HWY_ALIGN uint32_t standing[kTreeRows];
  double leaf[kTreeRows] = {};
  bool first = true;
  for (const TreeWord& word : words) {
    standing_leaves(word, bits, columns, standing);
    if (first && word.last) {
      for (size_t r = 0; r < kTreeRows; ++r) sums[r] += word.leaves[std::countr_zero(standing[r])];
      continue;
    }
    for (size_t r = 0; r < kTreeRows; ++r) {
      const size_t place = static_cast<size_t>(std::countr_zero(standing[r])) % kWordLeaves;
      leaf[r] = standing[r] != 0 ? word.leaves[place] : leaf[r];
    }
    first = word.last;
    if (!word.last) continue;
    for (size_t r = 0; r < kTreeRows; ++r) sums[r] += leaf[r];
  }
}

template <class Make>
HWY_INLINE void each_row(const RowGroup& group, uint32_t feature, float* out, const Make& make) {
  const float* x = group.data + feature;
  for (size_t r = 0; r < group.rows; ++r, x += group.width) {
    out[r] = make(std::fabs(*x) <= 1e-35F ? 0.0F : *x);
  }
}

// Only numbers that an int holds are categories.
HWY_INLINE float category_of(float x) {
  const uint32_t category = x > -1 && x < 2147483648.0F ? static_cast<uint32_t>(x) : ~0U;
  return std::bit_cast<float>(category);
}

void fill_kernel(std::span<const TreeColumn> columns, const RowGroup& group, float* out) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kLeft = -std::numeric_limits<float>::infinity();
  for (const auto [f, kind] : columns) {
    switch (kind) {
      case TreeColumnKind::kNumber:
        each_row(group, f, out, [](float x) { return x != x ? 0.0F : x; });
        break;
      case TreeColumnKind::kZeroLeft:
        each_row(group, f, out, [=](float x) { return x != x || x == 0 ? kLeft : x; });
        break;
      case TreeColumnKind::kZeroRight:
        each_row(group, f, out, [=](float x) { return x != x || x == 0 ? kNan : x; });
        break;
      case TreeColumnKind::kNanLeft:
        each_row(group, f, out, [=](float x) { return x != x ? kLeft : x; });
        break;
      case TreeColumnKind::kNanRight:
        each_row(group, f, out, [](float x) { return x; });
        break;
      case TreeColumnKind::kCategory:
        each_row(group, f, out, category_of);
        break;
    }
    out += kTreeRows;
  }
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(fill_kernel);
HWY_EXPORT(leaves_kernel);

void fill_columns(std::span<const TreeColumn> columns, const RowGroup& group, float* out) {
  HWY_DYNAMIC_DISPATCH(fill_kernel)(columns, group, out);
}
void add_leaves(std::span<const TreeWord> words, const uint32_t* bits, const float* columns,
                double* sums) {
  HWY_DYNAMIC_DISPATCH(leaves_kernel)(words, bits, columns, sums);
}

}  // namespace palate
#endif
