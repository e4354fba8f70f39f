#include "math/screen.h"

#include <cstring>
#include <vector>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

#include <asm/hwcap.h>
#endif

namespace palate {

void screen_plain(ScreenTile& tile) {
  for (size_t unit = tile.begin; unit < tile.end; ++unit) {
    for (size_t q = 0; q < tile.count; ++q) {
      std::array<int32_t, kUnitItems> sums{};
      uint64_t lanes = 0;
      for (size_t lane = 0; lane < kUnitItems; ++lane) {
        for (size_t d = 0; d < 4 * tile.groups; ++d) {
          const size_t at = ((unit * tile.groups + d / 4) * kUnitItems + lane) * 4 + d % 4;
          sums[lane] += tile.codes[at] * tile.queries[q][d];
        }
        if (sums[lane] > tile.above[q]) lanes |= uint64_t{1} << lane;
      }
      if (lanes != 0) tile.report(tile.to, tile, {q, unit, lanes, sums.data()});
    }
  }
}

std::span<const ScreenKernel> screen_kernels() {
  static const std::vector<ScreenKernel> kernels = [] {
    std::vector<ScreenKernel> found;
#if defined(__x86_64__)
    // __builtin_cpu_supports also asks whether the system saves the registers.
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
      found.push_back({"avx512vnni", 127, true, screen_avx512vnni});
    }
    if (__builtin_cpu_supports("avx2")) found.push_back({"avx2", 63, true, screen_avx2});
#elif defined(__aarch64__) && defined(__linux__)
    if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) {
      found.push_back({"neon_dot", 127, true, screen_neon_dot});
    }
#endif
    found.push_back({"plain", 127, false, screen_plain});
    return found;
  }();
  return kernels;
}

void place_codes(const int8_t* row, size_t groups, size_t item, uint8_t* codes) {
  uint8_t* to = codes + (item / kUnitItems * groups * kUnitItems + item % kUnitItems) * 4;
  for (size_t group = 0; group < groups; ++group) {
    uint32_t four = 0;
    std::memcpy(&four, row + 4 * group, sizeof(four));
    four ^= 0x80808080;
    std::memcpy(to + group * 4 * kUnitItems, &four, sizeof(four));
  }
}

}  // namespace palate
