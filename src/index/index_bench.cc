// The exact index in 8 bits and in fp32, over items and queries drawn from a normal distribution:
// lengths are alike, so nothing can be skipped. Each answer is checked against fp32 once.
// Gops: products and sums of the whole scan a second; GBs: bytes of vectors read a second, codes or
// floats; rescored: fp32 scores a query.
#include <map>
#include <memory>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "index/exact_index.h"
#include "math/philox.h"

namespace palate {
namespace {

constexpr size_t kQueries = 256;

std::vector<float> draw(size_t count, uint64_t stream) {
  Philox random(3, stream);
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(random.normal());
  return out;
}

struct World {
  size_t items, dim;
  std::vector<float> rows, vectors;
  std::map<const ScreenKernel*, std::unique_ptr<ExactIndex>> indexes;

  World(size_t n, size_t d)
      : items(n), dim(d), rows(draw(n * d, n)), vectors(draw(kQueries * d, 1)) {}

  const ExactIndex& index(const ScreenKernel* kernel) {
    auto& index = indexes[kernel];
    if (!index) {
      const RowsView view{rows.data(), items, dim};
      index = std::make_unique<ExactIndex>(view, ExactIndexOptions{.kernel = kernel});
    }
    return *index;
  }
};

World& world(size_t items, size_t dim) {
  static std::map<std::pair<size_t, size_t>, std::unique_ptr<World>> worlds;
  auto& world = worlds[{items, dim}];
  if (!world) world = std::make_unique<World>(items, dim);
  return *world;
}

void scan(benchmark::State& state, const ScreenKernel* kernel) {
  const auto items = static_cast<size_t>(state.range(0)), dim = static_cast<size_t>(state.range(1)),
             batch = static_cast<size_t>(state.range(2)), k = static_cast<size_t>(state.range(3));
  World& at = world(items, dim);
  const ExactIndex& index = at.index(kernel);
  std::vector<ExactIndex::Query> queries;
  for (size_t q = 0; q < batch; ++q) queries.push_back({{at.vectors.data() + q * dim, dim}, {}, k});
  PALATE_CHECK(index.top_k(queries) == at.index(nullptr).top_k(queries), "a wrong answer");
  ScanCounts counts;
  for (auto _ : state) benchmark::DoNotOptimize(index.top_k(queries, &counts));
  const double queried = static_cast<double>(batch) * static_cast<double>(state.iterations());
  const auto rate = benchmark::Counter::kIsRate;
  const double values = static_cast<double>(items) * static_cast<double>(dim);
  state.counters["queries"] = {queried, rate};
  state.counters["Gops"] = {2e-9 * queried * values, rate};
  const double width = kernel == nullptr ? 4.0 : 1.0;
  state.counters["GBs"] = {1e-9 * width * values * static_cast<double>(state.iterations()), rate};
  state.counters["rescored"] = static_cast<double>(counts.rescored) / queried;
  state.counters["bytes_item"] = static_cast<double>(index.bytes()) / static_cast<double>(items);
}

void build(benchmark::State& state) {
  const auto items = static_cast<size_t>(state.range(0)), dim = static_cast<size_t>(state.range(1));
  const World& at = world(items, dim);
  for (auto _ : state) {
    const ExactIndex index(RowsView{at.rows.data(), items, dim});
    benchmark::DoNotOptimize(index.size());
  }
}

// Reading memory one way, nothing else: what a scan of one query can at best reach.
void read_memory(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0)) / sizeof(uint64_t);
  std::vector<uint64_t> data(count, 1);
  for (auto _ : state) {
    uint64_t sums[8] = {};
    for (size_t i = 0; i + 8 <= count; i += 8) {
      for (size_t j = 0; j < 8; ++j) sums[j] += data[i + j];
    }
    benchmark::DoNotOptimize(sums);
  }
  state.counters["GBs"] = {
      1e-9 * static_cast<double>(state.range(0)) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate};
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"items", "dim", "batch", "k"})->Unit(benchmark::kMicrosecond);
  for (const int64_t batch : {1, 32, 256}) {
    bench->Args({10'000, 64, batch, 10})->Args({91'599, 64, batch, 10});
    bench->Args({91'599, 64, batch, 100})->Args({1'000'000, 64, batch, 10});
  }
}

const ScreenKernel* kernel_named(std::string_view name) {
  for (const ScreenKernel& kernel : screen_kernels()) {
    if (kernel.name == name) return &kernel;
  }
  return nullptr;
}

void add_all() {
  benchmark::RegisterBenchmark("fp32", scan, nullptr)->Apply(shapes);
  for (const char* name : {"avx512vnni", "avx2"}) {
    if (const ScreenKernel* kernel = kernel_named(name)) {
      benchmark::RegisterBenchmark(name, scan, kernel)->Apply(shapes);
    }
  }
}
const bool kAdded = (add_all(), true);

BENCHMARK(build)
    ->ArgNames({"items", "dim"})
    ->Args({91'599, 64})
    ->Args({1'000'000, 64})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(read_memory)->ArgName("bytes")->Arg(640'000)->Arg(2'560'000)->Arg(256'000'000);

}  // namespace
}  // namespace palate
