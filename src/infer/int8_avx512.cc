// 64 products an instruction (VPDPBUSD). Compiled for AVX-512 with VNNI alone, so it must not be
// called elsewhere.
#include <cstring>

#include "infer/int8_product.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PALATE_VNNI [[gnu::target("avx512f,avx512bw,avx512vl,avx512vnni")]]

namespace palate {
namespace {

// kRows rows with a panel, all sums in registers.
template <size_t kRows>
PALATE_VNNI inline void pass(const Int8Panel& panel, size_t row) {
  __m512i sums[kRows];
  const uint8_t* left[kRows];
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
    left[r] = panel.left + (row + r) * 4 * panel.groups;
    sums[r] = _mm512_setzero_si512();
  }
  const int8_t* at = panel.weights;
  for (size_t group = 0; group < panel.groups; ++group, at += 64) {
    const __m512i weights = _mm512_loadu_si512(at);
#pragma GCC unroll 16
    for (size_t r = 0; r < kRows; ++r) {
      int32_t four = 0;
      std::memcpy(&four, left[r] + 4 * group, sizeof(four));
      sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_set1_epi32(four), weights);
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
    _mm512_storeu_si512(panel.sums + (row + r) * kPanelColumns, sums[r]);
  }
}

}  // namespace

PALATE_VNNI void int8_avx512vnni(const Int8Panel& panel) {
  size_t row = 0;
  for (; row + 12 <= panel.rows; row += 12) pass<12>(panel, row);
  for (; row + 4 <= panel.rows; row += 4) pass<4>(panel, row);
  for (; row < panel.rows; ++row) pass<1>(panel, row);
}

}  // namespace palate
#endif
