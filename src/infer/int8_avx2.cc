// Without VNNI: VPMADDUBSW adds two products into 16 bits. With weights of 6 bits and a sign two of
// these fit beside each other, 4 · 127 · 63 < 2^15, which saves every second widening to 32 bits:
// five instructions for 64 products instead of six. Compiled for AVX2 alone, so it must not be
// called elsewhere.
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
  for (size_t group = 0; group < panel.groups; group += 2, at += 128) {
    __m256i weights[2][2];
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; ++v) {
      weights[v / 2][v % 2] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32 * v));
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      int32_t fours[2];
      std::memcpy(fours, left[r] + 4 * group, sizeof(fours));
      const __m256i one = _mm256_set1_epi32(fours[0]), other = _mm256_set1_epi32(fours[1]);
#pragma GCC unroll 2
      for (size_t v = 0; v < 2; ++v) {
        const __m256i both = _mm256_add_epi16(_mm256_maddubs_epi16(one, weights[0][v]),
                                              _mm256_maddubs_epi16(other, weights[1][v]));
        sums[r][v] = _mm256_add_epi32(sums[r][v], _mm256_madd_epi16(both, ones));
      }
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
