// The way from the log to the matrix that a solver reads, on the shape of goodbooks-10k: 53,424
// users, 10,000 items, 5,976,479 ratings in order of time.
#include <algorithm>
#include <cmath>
#include <random>
#include <unistd.h>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "dataset/dataset.h"
#include "dataset/split.h"
#include "events/block.h"
#include "events/memory_log_for_test.h"

namespace palate {
namespace {

constexpr uint32_t kUsers = 53'424, kItems = 10'000;
constexpr size_t kEvents = 5'976'479;

// A log-normal user and a long-tailed item for each event.
MemoryLog make_log(const EventTypes& types) {
  MemoryLog log;
  const auto append = [&](Stream stream, const std::vector<EncodedBlock>& blocks) {
    for (const auto& block : blocks) {
      const EventLog::Append one{stream, 0, block.count, block.bytes};
      PALATE_CHECK(log.append({&one, 1}).has_value(), "the log takes every block");
    }
  };
  std::mt19937_64 random(7);
  std::vector<std::string> user_names(kUsers);
  std::vector<ItemRecord> items(kItems);
  for (uint32_t i = 0; i < kUsers; ++i) user_names[i] = std::to_string(i + 1);
  for (uint32_t i = 0; i < kItems; ++i) items[i].id = std::to_string(i + 1);
  append(Stream::kItems, encode_items(items));
  std::lognormal_distribution<double> activity(0.0, 0.9);
  std::vector<double> weights(kUsers);
  std::generate(weights.begin(), weights.end(), [&] { return activity(random); });
  std::discrete_distribution<uint32_t> user(weights.begin(), weights.end());
  std::uniform_real_distribution<double> uniform;
  std::vector<EventView> rows(kEvents);
  for (size_t i = 0; i < kEvents; ++i) {
    rows[i].user = user_names[user(random)];
    rows[i].item = items[static_cast<size_t>(kItems * std::pow(uniform(random), 2.5))].id;
    rows[i].type = types.find("rating").value();
    rows[i].value = static_cast<double>(1 + random() % 5);
    rows[i].ts.us = (1'400'000'000 + static_cast<int64_t>(i * 16)) * kSecondUs;
    rows[i].received = rows[i].ts;
  }
  append(Stream::kEvents, encode_events(rows, types));
  return log;
}

struct World {
  EventTypes types = EventTypes::defaults();
  KeyedHash hash{KeyedHash::Key{1}, Tenant{}};
  ThreadPool pool;
  MemoryLog log = make_log(types);
  Dataset dataset = Dataset::build({&log, &types, &hash, {}}, pool, {}).value();
};

World& world() {
  static World made;
  return made;
}

void rate(benchmark::State& state, size_t rows) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(rows));
}

void BM_Build(benchmark::State& state) {
  auto& w = world();
  for (auto _ : state) {
    const auto built = Dataset::build({&w.log, &w.types, &w.hash, {}}, w.pool, {});
    PALATE_CHECK(built && built->users() == w.dataset.users(), "the dataset is built");
  }
  rate(state, kEvents);
}
BENCHMARK(BM_Build)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_Open(benchmark::State& state) {
  auto& w = world();
  const Path path =
      std::filesystem::temp_directory_path() / fmt::format("palate-dataset-bench-{}", ::getpid());
  PALATE_CHECK(w.dataset.save(path).has_value(), "the dataset is saved");
  for (auto _ : state) {
    const auto opened = Dataset::open(path);
    PALATE_CHECK(opened && opened->interactions() == w.dataset.interactions(), "it is opened");
  }
  rate(state, w.dataset.interactions());
  std::filesystem::remove_all(path);
}
BENCHMARK(BM_Open)->Unit(benchmark::kMillisecond);

void BM_PreferenceMatrix(benchmark::State& state) {
  const DatasetView view(world().dataset);
  for (auto _ : state) {
    const auto matrix = preference_matrix(view);
    PALATE_CHECK(!matrix.index.empty(), "there are preferences");
  }
  rate(state, view.interactions());
}
BENCHMARK(BM_PreferenceMatrix)->Unit(benchmark::kMillisecond);

void BM_Transposed(benchmark::State& state) {
  const auto matrix = preference_matrix(DatasetView(world().dataset));
  for (auto _ : state) benchmark::DoNotOptimize(matrix.transposed());
  rate(state, matrix.index.size());
}
BENCHMARK(BM_Transposed)->Unit(benchmark::kMillisecond);

void BM_Split(benchmark::State& state) {
  const auto kind = static_cast<SplitKind>(state.range(0));
  for (auto _ : state) {
    PALATE_CHECK(make_split(world().dataset, {kind, 0.1, 1}).has_value(), "it splits");
  }
  rate(state, world().dataset.interactions());
}
BENCHMARK(BM_Split)->DenseRange(0, 2)->Unit(benchmark::kMillisecond);

void BM_LeakCheck(benchmark::State& state) {
  const auto& dataset = world().dataset;
  const auto split = make_split(dataset, {SplitKind::kTimeCut, 0.1, 1}).value();
  const auto seen = DatasetView(dataset, split.train).seen();
  for (auto _ : state) {
    PALATE_CHECK(check_no_leak(dataset, split, seen).has_value(), "nothing leaks");
  }
  rate(state, dataset.interactions());
}
BENCHMARK(BM_LeakCheck)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace palate
