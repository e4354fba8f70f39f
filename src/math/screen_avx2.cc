// Without VNNI: VPMADDUBSW adds two products into 16 bits and would saturate at full range, so
// queries have 6 bits and a sign: 2 * 255 * 63 < 2^15. Compiled for AVX2 alone, so it must not be
// called elsewhere.
#include <cstring>

#include "math/screen.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PALATE_AVX2 [[gnu::target("avx2")]]

namespace palate {
namespace {

constexpr size_t kLanes = 8;  // items in a vector

PALATE_AVX2 [[gnu::noinline]] void report(ScreenTile& tile, const ScreenHits& place,
                                          size_t vectors) {
  const __m256i limit = _mm256_set1_epi32(tile.above[place.query]);
  ScreenHits hits = place;
  for (size_t v = 0; v < vectors; ++v) {
    const size_t lane = place.lanes + kLanes * v;  // `place.lanes`: the first one
    const auto* at = reinterpret_cast<const __m256i*>(place.sums + lane);
    const __m256i larger = _mm256_cmpgt_epi32(_mm256_load_si256(at), limit);
    const auto bits = static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(larger)));
    if (v == 0) hits.lanes = 0;
    hits.lanes |= uint64_t{bits} << lane;
  }
  tile.report(tile.to, tile, hits);
}

// kQueries queries with kVectors * 8 items of a unit, from `first` on; all sums in registers.
template <size_t kQueries, size_t kVectors>
PALATE_AVX2 inline void pass(ScreenTile& tile, size_t query, size_t unit, size_t first) {
  __m256i sums[kQueries][kVectors];
#pragma GCC unroll 2
  for (auto& of_query : sums) {
#pragma GCC unroll 8
    for (__m256i& sum : of_query) sum = _mm256_setzero_si256();
  }
  const __m256i ones = _mm256_set1_epi16(1);
  const uint8_t* at = tile.codes + (unit * tile.groups * kUnitItems + first) * 4;
  for (size_t group = 0; group < tile.groups; ++group, at += 4 * kUnitItems) {
    __m256i codes[kQueries];
#pragma GCC unroll 2
    for (size_t q = 0; q < kQueries; ++q) {
      int32_t four = 0;
      std::memcpy(&four, tile.queries[query + q] + 4 * group, sizeof(four));
      codes[q] = _mm256_set1_epi32(four);
    }
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) {
      const __m256i items = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32 * v));
#pragma GCC unroll 2
      for (size_t q = 0; q < kQueries; ++q) {
        const __m256i pairs = _mm256_maddubs_epi16(items, codes[q]);
        sums[q][v] = _mm256_add_epi32(sums[q][v], _mm256_madd_epi16(pairs, ones));
      }
    }
  }
#pragma GCC unroll 2
  for (size_t q = 0; q < kQueries; ++q) {
    __m256i largest = sums[q][0];
#pragma GCC unroll 8
    for (size_t v = 1; v < kVectors; ++v) largest = _mm256_max_epi32(largest, sums[q][v]);
    const __m256i larger = _mm256_cmpgt_epi32(largest, _mm256_set1_epi32(tile.above[query + q]));
    if (_mm256_testz_si256(larger, larger) != 0) [[likely]]
      continue;
    alignas(32) int32_t out[kUnitItems];
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(out + first + kLanes * v), sums[q][v]);
    }
    report(tile, {query + q, unit, first, out}, kVectors);
  }
}

}  // namespace

PALATE_AVX2 void screen_avx2(ScreenTile& tile) {
  for (size_t unit = tile.begin; unit < tile.end; ++unit) {
    size_t q = 0;
    for (; q + 2 <= tile.count; q += 2) {
      pass<2, 4>(tile, q, unit, 0);
      pass<2, 4>(tile, q, unit, 32);
    }
    if (q < tile.count) pass<1, 8>(tile, q, unit, 0);
  }
}

}  // namespace palate
#endif
