// A frozen dictionary over keys of 16 bytes: making it on two threads, finding one by one and in a
// stream (hashing and verification included), names, opening from a cold and a warm file. The
// counters are bytes a key. PALATE_BENCH_DIRECTORY says where its files go (else /tmp).
#include <fcntl.h>
#include <map>
#include <string>
#include <unistd.h>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "base/hash.h"
#include "ids/dictionary.h"
#include "ids/dictionary_writer.h"
#include "ids/item_interner.h"

namespace palate {
namespace {

constexpr size_t kKeyBytes = 16;
constexpr size_t kKeysInMemory = 50'000'000, kSpillFrom = size_t{512} << 20;

Path file_of(size_t keys) {
  const char* directory = std::getenv("PALATE_BENCH_DIRECTORY");
  return Path(directory == nullptr ? "/tmp" : directory) /
         fmt::format("palate-bench-{}-{}.dictionary", ::getpid(), keys);
}

std::string key_of(size_t i) { return fmt::format("{:016x}", hash64(std::to_string(i))); }

struct World {
  size_t keys;
  std::string text;  // of all keys
  std::vector<std::string_view> views;
  std::shared_ptr<const Dictionary> dictionary;

  explicit World(size_t n) : keys(n) {
    text.reserve(n * kKeyBytes);
    for (size_t i = 0; i < n; ++i) text += key_of(i);
    for (size_t i = 0; i < n; ++i) {
      views.push_back(std::string_view(text).substr(i * kKeyBytes, kKeyBytes));
    }
    write();
    dictionary = Dictionary::open(file_of(n), Dictionary::Verify::kYes).value();
    for (size_t i = 0; i < n; i += 1 + n / 10'000) {
      PALATE_CHECK(dictionary->find(views[i]) == i && *dictionary->name(i) == views[i], "wrong");
    }
  }
  World(const World&) = delete;
  ~World() {
    std::error_code ignored;
    std::filesystem::remove(file_of(keys), ignored);
  }
  void write() const {
    ThreadPool pool(2);
    // A hundred million hashes go through files, so that the benchmark stays below 6 GiB.
    const DictionaryOptions options{.hash_memory_bytes_max = keys > kKeysInMemory ? kSpillFrom : 0};
    auto writer = DictionaryWriter::create(file_of(keys), options, pool).value();
    for (const std::string_view key : views) writer.add(key).value();
    writer.commit().value();
  }
};

World& world(size_t n) {
  static std::map<size_t, World> worlds;
  if (!worlds.contains(n)) worlds.clear();  // one at a time, for the sake of memory
  return worlds.try_emplace(n, n).first->second;
}

void add_counters(benchmark::State& state, const World& at) {
  const auto n = static_cast<double>(at.keys);
  const DictionaryBytes& bytes = at.dictionary->bytes();
  state.counters["Hash"] = static_cast<double>(bytes.hash) / n;
  state.counters["Order"] = static_cast<double>(bytes.order) / n;
  state.counters["Verification"] = static_cast<double>(bytes.verification) / n;
  state.counters["WayBack"] = static_cast<double>(bytes.way_back) / n;
  state.counters["Total"] = static_cast<double>(bytes.total()) / n;
  state.counters["NsPerKey"] = benchmark::Counter(
      n / 1e9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void BM_Write(benchmark::State& state) {
  World& at = world(static_cast<size_t>(state.range(0)));
  for (auto _ : state) at.write();
  add_counters(state, at);
}

void BM_StringOneByOne(benchmark::State& state) {
  World& at = world(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    uint64_t sum = 0;
    for (const std::string_view key : at.views) sum += *at.dictionary->find(key);
    PALATE_CHECK(sum == at.keys * (at.keys - 1) / 2, "wrong");
  }
  add_counters(state, at);
}

void BM_StringStreamed(benchmark::State& state) {
  World& at = world(static_cast<size_t>(state.range(0)));
  std::vector<uint32_t> out(4096);
  for (auto _ : state) {
    for (size_t i = 0; i < at.keys; i += out.size()) {
      const size_t count = std::min(out.size(), at.keys - i);
      at.dictionary->find_many(std::span(at.views).subspan(i, count), std::span(out).first(count));
      benchmark::DoNotOptimize(out.data());
    }
  }
  add_counters(state, at);
}

void BM_Name(benchmark::State& state) {
  World& at = world(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    for (uint64_t i = 0; i < at.keys; ++i) {
      const auto index = static_cast<uint32_t>(i * 0x9e3779b97f4a7c15 % at.keys);
      benchmark::DoNotOptimize(at.dictionary->name(index).value().data());
    }
  }
  add_counters(state, at);
}

// Cold: its pages are dropped first; opening and one answer.
void BM_Open(benchmark::State& state) {
  World& at = world(static_cast<size_t>(state.range(0)));
  const bool cold = state.range(1) != 0;
  at.dictionary.reset();
  for (auto _ : state) {
    state.PauseTiming();
    const int fd = ::open(file_of(at.keys).c_str(), O_RDONLY | O_CLOEXEC);
    if (cold) PALATE_CHECK(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "not dropped");
    ::close(fd);
    state.ResumeTiming();
    const auto opened = Dictionary::open(file_of(at.keys), Dictionary::Verify::kNo).value();
    PALATE_CHECK(opened->find(at.views[7]) == 7U, "wrong");
  }
  at.dictionary = Dictionary::open(file_of(at.keys), Dictionary::Verify::kNo).value();
}

void BM_Verify(benchmark::State& state) {
  World& at = world(static_cast<size_t>(state.range(0)));
  for (auto _ : state) PALATE_CHECK(at.dictionary->verify().has_value(), "wrong");
}

// The live interner over the same keys, for comparison.
void BM_Interner(benchmark::State& state) {
  World& at = world(static_cast<size_t>(state.range(0)));
  ItemInterner items;
  for (const std::string_view key : at.views) items.add(key).value();
  for (auto _ : state) {
    uint64_t sum = 0;
    for (const std::string_view key : at.views) sum += items.find(key)->value;
    PALATE_CHECK(sum == at.keys * (at.keys - 1) / 2, "wrong");
  }
  add_counters(state, at);
  state.counters["Total"] = static_cast<double>(items.bytes()) / static_cast<double>(at.keys);
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const int64_t n : {10'000, 100'000, 1'000'000, 10'000'000}) bench->Arg(n);
}
BENCHMARK(BM_Write)->Apply(sizes)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_StringOneByOne)->Apply(sizes)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_StringStreamed)->Apply(sizes)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Name)->Apply(sizes)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Interner)->Apply(sizes)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Open)
    ->ArgsProduct({{1'000'000, 10'000'000, 100'000'000}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(BM_Verify)->Arg(10'000'000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace palate
