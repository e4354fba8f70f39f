// Without VNNI: VPMADDUBSW adds two products into 16 bits, 2 · 127 · 127 < 2^15. Compiled for AVX2
// alone, so it must not be called elsewhere.
#include <cstring>

#include "infer/int8_product.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PALATE_AVX2 [[gnu::target("avx2")]]

namespace palate {
namespace {

// kRows rows with a panel, all sums in registers.
template <size_t kRows>
PALATE_AVX2 inline void pass(const Int8Panel& panel, size_t row) {
  __m256i sums[kRows][2];
  const uint8_t* left[kRows];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
    left[r] = panel.left + (row + r) * 4 * panel.groups;
    sums[r][0] = sums[r][1] = _mm256_setzero_si256();
  }
  const __m256i ones = _mm256_set1_epi16(1);
  const int8_t* at = panel.weights;
  for (size_t group = 0; group < panel.groups; ++group, at += 64) {
    const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      int32_t four = 0;
      std::memcpy(&four, left[r] + 4 * group, sizeof(four));
      const __m256i codes = _mm256_set1_epi32(four);
      const __m256i low = _mm256_maddubs_epi16(codes, first);
      const __m256i high = _mm256_maddubs_epi16(codes, second);
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(low, ones));
      sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(high, ones));
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
    auto* to = reinterpret_cast<__m256i*>(panel.sums + (row + r) * kPanelColumns);
    _mm256_store_si256(to, sums[r][0]);
    _mm256_store_si256(to + 1, sums[r][1]);
  }
}

}  // namespace

PALATE_AVX2 void int8_avx2(const Int8Panel& panel) {
  size_t row = 0;
  for (; row + 4 <= panel.rows; row += 4) pass<4>(panel, row);
  for (; row < panel.rows; ++row) pass<1>(panel, row);
}

}  // namespace palate
#endif
