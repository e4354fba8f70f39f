#include "peaks.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#if defined(__x86_64__)
#include <immintrin.h>

namespace {

constexpr size_t kTurns = 2'000'000, kSums = 6;
using Clock = std::chrono::steady_clock;

// Assembly, so that no compiler makes less of the loop.
[[gnu::target("avx2")]] void avx2_turns() {
  __m256i sums[kSums] = {}, pairs[kSums];
  const __m256i ones = _mm256_set1_epi8(1);
  for (size_t t = 0; t < kTurns; ++t) {
#pragma GCC unroll 6
    for (size_t i = 0; i < kSums; ++i) {
      asm volatile("vpmaddubsw %2, %2, %1\n\tvpmaddwd %2, %1, %1\n\tvpaddd %1, %0, %0"
                   : "+x"(sums[i]), "=&x"(pairs[i])
                   : "x"(ones));
    }
  }
}

[[gnu::target("avx512f,avx512vnni")]] void vnni_turns() {
  __m512i a = {}, b = {}, c = {}, d = {}, e = {}, f = {};
  const __m512i ones = _mm512_set1_epi32(1);
  for (size_t t = 0; t < kTurns; ++t) {
    asm volatile(
        "vpdpbusd %6, %6, %0\n\tvpdpbusd %6, %6, %1\n\tvpdpbusd %6, %6, %2\n\t"
        "vpdpbusd %6, %6, %3\n\tvpdpbusd %6, %6, %4\n\tvpdpbusd %6, %6, %5"
        : "+v"(a), "+v"(b), "+v"(c), "+v"(d), "+v"(e), "+v"(f)
        : "v"(ones));
  }
}

[[gnu::target("avx2,fma")]] void fma_turns() {
  __m256 sums[2 * kSums] = {};
  const __m256 half = _mm256_set1_ps(0.5F);
  for (size_t t = 0; t < kTurns / 2; ++t) {
#pragma GCC unroll 12
    for (size_t i = 0; i < 2 * kSums; ++i) {
      asm volatile("vfmadd213ps %1, %1, %0" : "+x"(sums[i]) : "x"(half));
    }
  }
}

[[gnu::target("avx512f")]] void wide_fma_turns() {
  __m512 sums[2 * kSums] = {};
  const __m512 half = _mm512_set1_ps(0.5F);
  for (size_t t = 0; t < kTurns / 2; ++t) {
#pragma GCC unroll 12
    for (size_t i = 0; i < 2 * kSums; ++i) {
      asm volatile("vfmadd213ps %1, %1, %0" : "+v"(sums[i]) : "v"(half));
    }
  }
}

// Instructions a nanosecond, the best of some tries.
double rate(void (*turns)()) {
  double best = 1e9;
  for (int turn = 0; turn < 12; ++turn) {
    const auto start = Clock::now();
    turns();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return 1e-9 * static_cast<double>(kTurns * kSums) / best;
}

}  // namespace

double fma_gflops() {
  if (__builtin_cpu_supports("avx512f") != 0) return 32 * rate(wide_fma_turns);
  return __builtin_cpu_supports("fma") != 0 ? 16 * rate(fma_turns) : 0;
}

double int8_gops() {
  if (__builtin_cpu_supports("avx512vnni") != 0) return 128 * rate(vnni_turns);
  return __builtin_cpu_supports("avx2") != 0 ? 64 * rate(avx2_turns) : 0;
}

#else
double fma_gflops() { return 0; }
double int8_gops() { return 0; }
#endif
