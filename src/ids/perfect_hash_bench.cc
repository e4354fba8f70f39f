// The perfect hash over random keys of 64 bits: building on two threads, finding one by one and in
// a stream. BitsPerKey counts everything that is saved.
#include <map>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "ids/perfect_hash.h"

namespace palate {
namespace {

struct World {
  std::vector<uint64_t> keys;
  PerfectHash hash;

  explicit World(size_t n) {
    uint64_t state = 7;
    for (size_t i = 0; i < n; ++i) {  // splitmix64: different for different i
      uint64_t z = (state += 0x9e3779b97f4a7c15);
      z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
      z = (z ^ z >> 27) * 0x94d049bb133111eb;
      keys.push_back(z ^ z >> 31);
    }
    ThreadPool pool(2);
    hash = PerfectHash::build(keys, pool).value();
    std::vector<bool> seen(n);
    for (const uint64_t key : keys) {
      const uint64_t number = hash.find(spread(key));
      // PALATE_CHECK(number < n && !seen[number], "not a perfect hash");
      seen[number] = true;
    }
  }
};

World& world(size_t n) {
  static std::map<size_t, World> worlds;
  if (!worlds.contains(n)) worlds.clear();  // one at a time, for the sake of memory
  return worlds.try_emplace(n, n).first->second;
}

void add_counters(benchmark::State& state, const World& at) {
  const auto n = static_cast<double>(at.keys.size());
  state.counters["BitsPerKey"] = static_cast<double>(at.hash.words().size_bytes()) * 8 / n;
  state.counters["NsPerKey"] = benchmark::Counter(
      n / 1e9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void BM_Build(benchmark::State& state) {
  World& at = world(static_cast<size_t>(state.range(0)));
  ThreadPool pool(static_cast<size_t>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(PerfectHash::build(at.keys, pool).value().size());
  add_counters(state, at);
}

void BM_FindOneByOne(benchmark::State& state) {
  World& at = world(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    uint64_t sum = 0;
    for (const uint64_t key : at.keys) sum += at.hash.find(spread(key));
    benchmark::DoNotOptimize(sum);
  }
  add_counters(state, at);
}

void BM_FindStreamed(benchmark::State& state) {
  World& at = world(static_cast<size_t>(state.range(0)));
  std::vector<uint64_t> out(4096);
  for (auto _ : state) {
    for (size_t i = 0; i < at.keys.size(); i += out.size()) {
      const size_t count = std::min(out.size(), at.keys.size() - i);
      at.hash.find_many(std::span<const uint64_t>(at.keys).subspan(i, count),
                        std::span(out).first(count));
      benchmark::DoNotOptimize(out.data());
    }
  }
  add_counters(state, at);
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const int64_t n : {10'000, 100'000, 1'000'000, 10'000'000}) bench->Args({n, 2});
}
BENCHMARK(BM_Build)->Apply(sizes)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_FindOneByOne)->Apply(sizes)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_FindStreamed)->Apply(sizes)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace palate
