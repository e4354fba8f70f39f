#include "machine.h"

#include <algorithm>
#include <chrono>

namespace {

typedef uint64_t Words __attribute__((vector_size(64)));
typedef float Floats __attribute__((vector_size(64)));
using Clock = std::chrono::steady_clock;

#if defined(__x86_64__)
#define EVERY_PROCESSOR \
  [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] [[gnu::noinline]]
#else
#define EVERY_PROCESSOR [[gnu::noinline]]
#endif

// Asks for lines `ahead` of what it adds up.
EVERY_PROCESSOR uint64_t sum(const Words* at, const Words* end, size_t ahead) {
  Words a{}, b{}, c{}, d{};
  for (; at + 4 <= end; at += 4) {
    for (size_t line = 0; line < 4; ++line) __builtin_prefetch(at + ahead + line);
    a += at[0], b += at[1], c += at[2], d += at[3];
  }
  a += b + c + d;
  return a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7];
}

constexpr size_t kSums = 12;

EVERY_PROCESSOR float multiply(size_t turns, float by) {
  Floats sums[kSums], factor = Floats{} + by;
  for (size_t i = 0; i < kSums; ++i) sums[i] = factor * static_cast<float>(i);
  for (size_t t = 0; t < turns; ++t) {
#pragma GCC unroll 12
    for (size_t i = 0; i < kSums; ++i) sums[i] = sums[i] * factor + factor;
  }
  Floats all = sums[0];
  for (size_t i = 1; i < kSums; ++i) all += sums[i];
  return all[0];
}

template <class Work>
double fastest_s(const Work& work) {
  double best = 1e9;
  for (int turn = 0; turn < 6; ++turn) {
    const auto start = Clock::now();
    const volatile auto result = work();
    (void)result;
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

}  // namespace

double read_gbs(std::span<const uint64_t> data) {
  const auto* begin = reinterpret_cast<const Words*>(data.data());
  const auto* end = begin + data.size_bytes() / sizeof(Words);
  double best = 1e9;
  for (const size_t ahead : {0, 16, 64, 128}) {
    best = std::min(best, fastest_s([=] { return sum(begin, end, ahead); }));
  }
  return 1e-9 * static_cast<double>(data.size_bytes()) / best;
}

double fp32_gflops() {
  constexpr size_t kTurns = 4'000'000;
  const double flop = 2.0 * kSums * 16 * kTurns;
  return 1e-9 * flop / fastest_s([] { return multiply(kTurns, 0.5F); });
}
