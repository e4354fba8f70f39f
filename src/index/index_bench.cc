// The exact index in 8 bits, bf16 and fp32, over items and queries drawn from a normal
// distribution: as they are (lengths spread), and scaled to length 1, where nothing can be skipped.
// Each answer is checked against fp32 once. Gops: products and sums of the whole scan a second;
// GBs: bytes of vectors read a second, were each read once a call; rescored: fp32 scores a query.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "index/exact_index.h"
#include "math/philox.h"

namespace palate {
namespace {

constexpr size_t kQueries = 256;

enum class Way { kFp32, kBf16, kScreened };

struct World {
  size_t items, dim;
  FloatTable rows;
  std::vector<float> vectors;
  std::vector<uint16_t> halves;
  std::map<std::pair<Way, const ScreenKernel*>, std::unique_ptr<ExactIndex>> indexes;

  World(size_t n, size_t d, bool unit) : items(n), dim(d), rows(n * d), vectors(kQueries * d) {
    fill(rows, n, unit);
    fill(vectors, 1, unit);
  }

  void fill(std::span<float> table, uint64_t stream, bool unit) const {
    Philox random(3, stream);
    for (size_t at = 0; at < table.size(); at += dim) {
      double square = 0;
      for (size_t d = 0; d < dim; ++d) {
        table[at + d] = static_cast<float>(random.normal());
        square += double{table[at + d]} * table[at + d];
      }
      for (size_t d = 0; unit && d < dim; ++d)
        table[at + d] /= std::sqrt(static_cast<float>(square));
    }
  }

  // Of the rows rounded to bf16 for Way::kBf16.
  const ExactIndex& index(Way way, const ScreenKernel* kernel) {
    auto& index = indexes[{way, kernel}];
    if (index) return *index;
    StoredRows from = RowsView{rows.data(), items, dim};
    if (way == Way::kBf16) {
      for (const float value : rows) {
        if (halves.size() < rows.size()) halves.push_back(to_bf16(value));
      }
      from = {halves.data(), items, dim, Width::kBf16};
    }
    index = std::make_unique<ExactIndex>(from, ExactIndexOptions{.kernel = kernel});
    return *index;
  }
};

// One at a time: a million vectors are a quarter of a gigabyte.
World& world(size_t items, size_t dim, bool unit) {
  static std::unique_ptr<World> last;
  static bool last_unit = false;
  if (!last || last->items != items || last->dim != dim || last_unit != unit) {
    last.reset();
    last = std::make_unique<World>(items, dim, unit);
    last_unit = unit;
  }
  return *last;
}

struct Asked {
  Way way;
  const ScreenKernel* kernel;
};

void scan(benchmark::State& state, Asked asked) {
  const auto items = static_cast<size_t>(state.range(0)), dim = static_cast<size_t>(state.range(1)),
             batch = static_cast<size_t>(state.range(2)), k = static_cast<size_t>(state.range(3));
  World& at = world(items, dim, state.range(4) != 0);
  const ExactIndex& index = at.index(asked.way, asked.kernel);
  std::vector<ExactIndex::Query> queries;
  for (size_t q = 0; q < batch; ++q) {
    queries.push_back({std::span(at.vectors).subspan(q * dim, dim), {}, k});
  }
  ScanCounts counts;
  if (asked.way == Way::kScreened) {
    PALATE_CHECK(index.top_k(queries) == at.index(Way::kFp32, nullptr).top_k(queries), "wrong");
  }
  for (auto _ : state) benchmark::DoNotOptimize(index.top_k(queries, &counts));
  const double queried = static_cast<double>(batch) * static_cast<double>(state.iterations());
  const auto rate = benchmark::Counter::kIsRate;
  const double values = static_cast<double>(items) * static_cast<double>(dim);
  state.counters["queries"] = {queried, rate};
  state.counters["Gops"] = {2e-9 * queried * values, rate};
  const double width = asked.way == Way::kFp32 ? 4 : asked.way == Way::kBf16 ? 2 : 1;
  state.counters["GBs"] = {1e-9 * width * values * static_cast<double>(state.iterations()), rate};
  state.counters["rescored"] = static_cast<double>(counts.rescored) / queried;
  state.counters["in_fp32"] = static_cast<double>(counts.in_fp32) / queried;
  state.counters["bytes_item"] = static_cast<double>(index.bytes()) / static_cast<double>(items);
}

void build(benchmark::State& state, size_t nearly_min) {
  const auto items = static_cast<size_t>(state.range(0)), dim = static_cast<size_t>(state.range(1));
  const World& at = world(items, dim, false);
  for (auto _ : state) {
    const ExactIndex index(RowsView{at.rows.data(), items, dim}, {.nearly_min = nearly_min});
    benchmark::DoNotOptimize(index.size());
  }
}

// Rows about so many centres, dimensions of falling weight as a factorization has them, lengths
// that differ; a query is the sum of two rows.
void gather_rows(World& at, size_t groups) {
  Philox random(4, groups);
  std::vector<float> centres(groups * at.dim);
  for (float& value : centres) value = static_cast<float>(random.normal());
  for (size_t i = 0; i < at.items; ++i) {
    const auto length = std::exp(0.5F * static_cast<float>(random.normal()));
    const float* const centre =
        centres.data() + random.below(static_cast<uint32_t>(groups)) * at.dim;
    for (size_t d = 0; d < at.dim; ++d) {
      const float weight = length * std::pow(static_cast<float>(d + 1), -0.4F);
      at.rows[i * at.dim + d] = weight * (centre[d] + static_cast<float>(random.normal()));
    }
  }
  for (size_t q = 0; q < kQueries; ++q) {
    const float* const a = at.rows.data() + random.below(static_cast<uint32_t>(at.items)) * at.dim;
    const float* const b = at.rows.data() + random.below(static_cast<uint32_t>(at.items)) * at.dim;
    for (size_t d = 0; d < at.dim; ++d) at.vectors[q * at.dim + d] = a[d] + b[d];
  }
}

// One query at a time; `groups` 0: rows that lie anywhere. found: the share of the best.
void nearly(benchmark::State& state) {
  const auto items = static_cast<size_t>(state.range(0)), dim = static_cast<size_t>(state.range(1)),
             k = static_cast<size_t>(state.range(2)), groups = static_cast<size_t>(state.range(3));
  World at(items, dim, false);
  if (groups > 0) gather_rows(at, groups);
  const ExactIndex index(RowsView{at.rows.data(), items, dim}, {.nearly_min = 0});
  ScanCounts counts;
  size_t asked = 0;
  for (auto _ : state) {
    const auto vector = std::span(at.vectors).subspan(asked++ % kQueries * dim, dim);
    const ExactIndex::Query query{vector, {}, k, true};
    benchmark::DoNotOptimize(index.top_k({&query, 1}, &counts));
  }
  size_t found = 0, wanted = 0;
  for (size_t q = 0; q < kQueries; ++q) {
    ExactIndex::Query query{std::span(at.vectors).subspan(q * dim, dim), {}, k};
    const auto best = index.top_k({&query, 1})[0];
    query.nearly = true;
    const auto list = index.top_k({&query, 1})[0];
    wanted += best.size();
    // Scores are exact, so whatever reaches the last of the best is one of them.
    found += static_cast<size_t>(std::ranges::count_if(
        list, [&](const ScoredIndex& one) { return one.score >= best.back().score; }));
  }
  state.counters["found"] = static_cast<double>(found) / static_cast<double>(wanted);
  state.counters["looked_at"] =
      static_cast<double>(counts.screened) / (static_cast<double>(counts.queries * items));
  state.counters["bytes_item"] = static_cast<double>(index.bytes()) / static_cast<double>(items);
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"items", "dim", "batch", "k", "unit"})->Unit(benchmark::kMicrosecond);
  bench->UseRealTime();
  for (const int64_t batch : {1, 32, 256}) {
    bench->Args({10'000, 64, batch, 10, 0})->Args({91'599, 64, batch, 10, 0});
    bench->Args({91'599, 64, batch, 100, 0})->Args({1'000'000, 64, batch, 10, 0});
    bench->Args({1'000'000, 64, batch, 10, 1})->Args({1'000'000, 128, batch, 10, 0});
  }
}

const ScreenKernel* kernel_named(std::string_view name) {
  for (const ScreenKernel& kernel : screen_kernels()) {
    if (kernel.name == name) return &kernel;
  }
  return nullptr;
}

void add_all() {
  benchmark::RegisterBenchmark("fp32", scan, Asked{Way::kFp32, nullptr})->Apply(shapes);
  benchmark::RegisterBenchmark("bf16", scan, Asked{Way::kBf16, nullptr})->Apply(shapes);
  for (const char* name : {"avx512vnni", "avx2", "neon_dot", "neon"}) {
    if (const ScreenKernel* kernel = kernel_named(name)) {
      benchmark::RegisterBenchmark(name, scan, Asked{Way::kScreened, kernel})->Apply(shapes);
    }
  }
}
const bool kAdded = (add_all(), true);

void build_shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"items", "dim"})->Unit(benchmark::kMillisecond);
  bench->Args({91'599, 64})->Args({1'000'000, 64});
}
BENCHMARK_CAPTURE(build, exact, ExactIndexOptions::kNever)->Apply(build_shapes);
BENCHMARK_CAPTURE(build, nearly, 0)->Apply(build_shapes);

void nearly_shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"items", "dim", "k", "groups"})->Unit(benchmark::kMicrosecond);
  for (const int64_t k : {30, 500}) {
    bench->Args({1'000'000, 64, k, 1'000})->Args({1'000'000, 64, k, 0});
  }
}
BENCHMARK(nearly)->Apply(nearly_shapes);

}  // namespace
}  // namespace palate
