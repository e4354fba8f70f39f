#include <algorithm>

#include "math/panels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/score_rows.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

#include "math/panels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

const hn::CappedTag<float, 1> kOne;
using Float = hn::Vec<decltype(kOne)>;

HWY_INLINE Float load_one(const float* at) { return hn::LoadU(kOne, at); }
HWY_INLINE Float load_one(const uint16_t* at) { return hn::Set(kOne, from_bf16(*at)); }
HWY_INLINE Float load_one(const int8_t* at) { return hn::Set(kOne, static_cast<float>(*at)); }

// One row a sum, kRows sums on their way at once. A lane of one keeps the order of score_tile, and
// its rounding: fused where the instruction set fuses.
template <class T, bool kScaled, Measure kMeasure, size_t kRows>
HWY_INLINE void score_some_rows(const StoredRows& table, const uint32_t* index,
                                const float* HWY_RESTRICT query, float* HWY_RESTRICT out) {
  const T* rows[kRows];
  Float sums[kRows], scales[kRows];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
    rows[r] = reinterpret_cast<const T*>(table.row(index[r]));
    sums[r] = hn::Zero(kOne);
    scales[r] = hn::Set(kOne, kScaled ? table.scale[index[r]] : 1.0F);
  }
  for (size_t d = 0; d < table.dim; ++d) {
    const Float of_query = hn::LoadU(kOne, query + d);
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      Float of_row = load_one(rows[r] + d);
      if constexpr (kScaled) of_row = hn::Mul(of_row, scales[r]);
      sums[r] = add_dimension<kMeasure>(of_query, of_row, sums[r]);
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) hn::StoreU(sums[r], kOne, out + r);
}

template <class T, bool kScaled, Measure kMeasure>
void score_all_rows(const StoredRows& table, std::span<const uint32_t> index, const float* query,
                    float* out) {
  // Rows lie anywhere: those of the next turns are on their way while these are added up.
  constexpr size_t kAhead = 16, kLine = 64;
  const size_t bytes = table.dim * sizeof(T);
  const auto ask_for = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < std::min(end, index.size()); ++i) {
      const std::byte* row = table.row(index[i]);
      for (size_t at = 0; at < bytes; at += kLine) __builtin_prefetch(row + at);
    }
  };
  ask_for(0, kAhead);
  size_t i = 0;
  for (; i + 8 <= index.size(); i += 8) {
    ask_for(i + kAhead, i + kAhead + 8);
    score_some_rows<T, kScaled, kMeasure, 8>(table, &index[i], query, out + i);
  }
  for (; i < index.size(); ++i) {
    score_some_rows<T, kScaled, kMeasure, 1>(table, &index[i], query, out + i);
  }
}

template <class T>
void score_stored(const StoredRows& table, std::span<const uint32_t> index, const RowQuery& asked,
                  float* out) {
  const float* query = asked.vector;
  const bool scaled = table.scale != nullptr;
  if (asked.measure == Measure::kProduct) {
    scaled ? score_all_rows<T, true, Measure::kProduct>(table, index, query, out)
           : score_all_rows<T, false, Measure::kProduct>(table, index, query, out);
  } else {
    scaled ? score_all_rows<T, true, Measure::kDistance>(table, index, query, out)
           : score_all_rows<T, false, Measure::kDistance>(table, index, query, out);
  }
}

void score_rows_kernel(const StoredRows& table, std::span<const uint32_t> index,
                       const RowQuery& query, float* out) {
  switch (table.width) {
    case Width::kF32:
      return score_stored<float>(table, index, query, out);
    case Width::kBf16:
      return score_stored<uint16_t>(table, index, query, out);
    case Width::kInt8:
      return score_stored<int8_t>(table, index, query, out);
  }
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(score_rows_kernel);

void score_rows(const StoredRows& table, std::span<const uint32_t> index, const RowQuery& query,
                float* out) {
  HWY_DYNAMIC_DISPATCH(score_rows_kernel)(table, index, query, out);
}

}  // namespace palate
#endif
