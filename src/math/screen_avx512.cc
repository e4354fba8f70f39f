// 64 products an instruction (VPDPBUSD). Compiled for AVX-512 with VNNI alone, so it must not be
// called elsewhere.
#include <bit>
#include <cstring>

#include "math/screen.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PALATE_VNNI [[gnu::target("avx512f,avx512bw,avx512vl,avx512vnni")]]

namespace palate {
namespace {

constexpr size_t kVectors = 4;  // of 16 items, in a unit
// The compiler's own vector: its operators name fewer intrinsics, and spill less.
typedef int32_t Ints __attribute__((vector_size(64)));

PALATE_VNNI inline Ints larger(Ints a, Ints b) { return a > b ? a : b; }

inline int32_t load_group(const int8_t* query, size_t group) {
  int32_t four = 0;
  std::memcpy(&four, query + 4 * group, sizeof(four));
  return four;
}

// `sums` of one unit with each query; `queries` has a bit for each that has something above its
// limit.
PALATE_VNNI [[gnu::noinline]] void report(ScreenTile& tile, uint32_t queries, size_t unit,
                                          const int32_t* sums) {
  for (; queries != 0; queries &= queries - 1) {
    const auto query = static_cast<size_t>(std::countr_zero(queries));
    const int32_t* of = sums + query * kUnitItems;
    const __m512i limit = _mm512_set1_epi32(tile.above[query]);
    uint64_t lanes = 0;
    for (size_t v = 0; v < kVectors; ++v) {
      const __m512i sum = _mm512_load_si512(of + 16 * v);
      lanes |= uint64_t{_mm512_cmpgt_epi32_mask(sum, limit)} << (16 * v);
    }
    tile.report(tile.to, tile, {query, unit, lanes, of});
  }
}

// kQueries queries with kUnits units, all sums in registers.
template <size_t kQueries, size_t kUnits>
PALATE_VNNI inline void pass(ScreenTile& tile, size_t unit) {
  constexpr size_t kWide = kUnits * kVectors;
  Ints sums[kQueries][kWide];
#pragma GCC unroll 8
  for (size_t q = 0; q < kQueries; ++q) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kWide; ++v) sums[q][v] = Ints{};
  }
  const size_t groups = tile.groups, unit_bytes = groups * 4 * kUnitItems;
  const uint8_t* at = tile.codes + unit * unit_bytes;
  const int8_t* queries[kQueries];
#pragma GCC unroll 8
  for (size_t q = 0; q < kQueries; ++q) queries[q] = tile.queries[q];
  for (size_t group = 0; group < groups; ++group) {
    __m512i items[kWide];
#pragma GCC unroll 8
    for (size_t v = 0; v < kWide; ++v) {
      items[v] = _mm512_loadu_si512(at + v / kVectors * unit_bytes + v % kVectors * 64);
    }
    at += 4 * kUnitItems;
#pragma GCC unroll 8
    for (size_t q = 0; q < kQueries; ++q) {
      const __m512i query = _mm512_set1_epi32(load_group(queries[q], group));
#pragma GCC unroll 8
      for (size_t v = 0; v < kWide; ++v) {
        sums[q][v] = (Ints)_mm512_dpbusd_epi32((__m512i)sums[q][v], items[v], query);
      }
    }
  }
#pragma GCC unroll 2
  for (size_t u = 0; u < kUnits; ++u) {
    uint32_t hit = 0;
#pragma GCC unroll 8
    for (size_t q = 0; q < kQueries; ++q) {
      const Ints largest = larger(larger(sums[q][4 * u], sums[q][4 * u + 1]),
                                  larger(sums[q][4 * u + 2], sums[q][4 * u + 3]));
      const __m512i limit = _mm512_set1_epi32(tile.above[q]);
      hit |= uint32_t{_mm512_cmpgt_epi32_mask((__m512i)largest, limit) != 0} << q;
    }
    if (hit == 0) [[likely]]
      continue;
    alignas(64) int32_t out[kQueries * kUnitItems];
#pragma GCC unroll 8
    for (size_t q = 0; q < kQueries; ++q) {
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) {
        _mm512_store_si512(out + q * kUnitItems + 16 * v, (__m512i)sums[q][4 * u + v]);
      }
    }
    report(tile, hit, unit + u, out);
  }
}

template <size_t kQueries, size_t kUnits>
PALATE_VNNI void run(ScreenTile& tile) {
  size_t unit = tile.begin;
  for (; unit + kUnits <= tile.end; unit += kUnits) pass<kQueries, kUnits>(tile, unit);
  for (; unit < tile.end; ++unit) pass<kQueries, 1>(tile, unit);
}

}  // namespace

void screen_avx512vnni(ScreenTile& tile) {
  static constexpr std::array<void (*)(ScreenTile&), kScreenTile> kRuns{
      run<1, 1>, run<2, 1>, run<3, 1>, run<4, 1>, run<5, 1>, run<6, 1>};
  if (tile.count > 0) kRuns[tile.count - 1](tile);
}

}  // namespace palate
#endif
