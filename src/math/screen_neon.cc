// 16 products an instruction (SDOT). Both sides are signed here, so the items' 128 is taken off by
// turning their highest bit, and given back in what a sum starts with. Compiled for ARMv8.2 with
// dot products alone, so it must not be called elsewhere.
#include <cstring>

#include "math/screen.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define PALATE_DOT [[gnu::target("arch=armv8.2-a+dotprod")]]

namespace palate {
namespace {

constexpr size_t kLanes = 4;  // items in a vector

// What 128 at every place of an item is worth.
int32_t offset_of(const int8_t* query, size_t groups) {
  int32_t sum = 0;
  for (size_t d = 0; d < 4 * groups; ++d) sum += query[d];
  return 128 * sum;
}

[[gnu::noinline]] void report(ScreenTile& tile, ScreenHits hits, size_t first, size_t end) {
  for (size_t lane = first; lane < end; ++lane) {
    if (hits.sums[lane] > tile.above[hits.query]) hits.lanes |= uint64_t{1} << lane;
  }
  tile.report(tile.to, tile, hits);
}

// kQueries queries with kVectors * 4 items of a unit, from `first` on; all sums in registers.
template <size_t kQueries, size_t kVectors>
PALATE_DOT inline void pass(ScreenTile& tile, size_t query, size_t unit, size_t first) {
  int32x4_t sums[kQueries][kVectors];
#pragma GCC unroll 2
  for (size_t q = 0; q < kQueries; ++q) {
    const int32x4_t start = vdupq_n_s32(offset_of(tile.queries[query + q], tile.groups));
#pragma GCC unroll 16
    for (int32x4_t& sum : sums[q]) sum = start;
  }
  const uint8x16_t sign = vdupq_n_u8(0x80);
  const uint8_t* at = tile.codes + (unit * tile.groups * kUnitItems + first) * 4;
  for (size_t group = 0; group < tile.groups; ++group, at += 4 * kUnitItems) {
    int8x16_t codes[kQueries];
#pragma GCC unroll 2
    for (size_t q = 0; q < kQueries; ++q) {
      int32_t four = 0;
      std::memcpy(&four, tile.queries[query + q] + 4 * group, sizeof(four));
      codes[q] = vreinterpretq_s8_s32(vdupq_n_s32(four));
    }
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v) {
      const int8x16_t items = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(at + 16 * v), sign));
#pragma GCC unroll 2
      for (size_t q = 0; q < kQueries; ++q) sums[q][v] = vdotq_s32(sums[q][v], items, codes[q]);
    }
  }
#pragma GCC unroll 2
  for (size_t q = 0; q < kQueries; ++q) {
    int32x4_t largest = sums[q][0];
#pragma GCC unroll 16
    for (size_t v = 1; v < kVectors; ++v) largest = vmaxq_s32(largest, sums[q][v]);
    if (vmaxvq_s32(largest) <= tile.above[query + q]) [[likely]]
      continue;
    int32_t out[kUnitItems];
#pragma GCC unroll 16
    for (size_t v = 0; v < kVectors; ++v) vst1q_s32(out + first + kLanes * v, sums[q][v]);
    report(tile, {query + q, unit, 0, out}, first, first + kVectors * kLanes);
  }
}

}  // namespace

PALATE_DOT void screen_neon_dot(ScreenTile& tile) {
  for (size_t unit = tile.begin; unit < tile.end; ++unit) {
    size_t q = 0;
    for (; q + 2 <= tile.count; q += 2) {
      pass<2, 8>(tile, q, unit, 0);
      pass<2, 8>(tile, q, unit, 32);
    }
    if (q < tile.count) pass<1, 16>(tile, q, unit, 0);
  }
}

}  // namespace palate
#endif
