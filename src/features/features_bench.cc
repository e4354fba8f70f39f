// What one request reads: a user's whole state out of the store, and features of 500 candidates.
// Beside it what a user takes. PALATE_BENCH_USERS (200,000) users with 50 events each are folded
// into a RocksDB of their own; figures: docs/benchmarks.md.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "events/block.h"
#include "features/live_state.h"
#include "features/memory_parts_for_test.h"
#include "features/reader.h"
#include "math/philox.h"
#include "store/database.h"
#include "store/rocks_state.h"

namespace palate {
namespace {

constexpr uint32_t kItems = 20'000, kEventsEach = 50;
constexpr int64_t kNow = 1'767'225'600 * kSecondUs, kMonthUs = 30 * kDayUs;

uint32_t users() {
  const char* given = std::getenv("PALATE_BENCH_USERS");
  return given == nullptr ? 200'000 : static_cast<uint32_t>(std::atoi(given));
}

template <class T>
T must(Result<T> result) {
  if (!result) check_failed("result", __FILE__, __LINE__, result.error().message.c_str());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// One folded world a configuration, made once.
class World {
 public:
  explicit World(bool all) {
    if (all) features_ = everything(32);
    std::string name = (std::filesystem::temp_directory_path() / "palate-bench-XXXXXX").string();
    root_ = mkdtemp(name.data());
    database_ = must(Database::open(
        {.path = root_ / "db", .tenant = {}, .mode = DatabaseOptions::Mode::kWriter}));
    store_ = std::make_unique<RocksState>(*database_);
    fill();
    const auto begin = std::chrono::steady_clock::now();
    {
      LiveState folding(parts());
      must(folding.catch_up(log_, {}));
    }
    fold_s_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    log_ = {};
  }
  ~World() {
    live_.reset();
    store_.reset();
    database_.reset();
    std::filesystem::remove_all(root_);
  }
  // Nobody is in memory.
  void restart() {
    live_ = std::make_unique<LiveState>(parts());
    must(live_->catch_up(items_, {}));
  }
  LiveState& live() { return *live_; }
  const EventTypes& types() const { return types_; }
  double fold_s() const { return fold_s_; }
  double bytes_a_user() const {
    uint64_t bytes = 0, count = 0;
    must(store_->scan("u", [&](std::string_view key, std::string_view value) {
      bytes += key.size() + value.size();
      return ++count > 0;
    }));
    return static_cast<double>(bytes) / static_cast<double>(count);
  }
  double disk_bytes_a_user() const {
    uint64_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(root_ / "db")) {
      bytes += file.file_size();
    }
    return static_cast<double>(bytes) / users();
  }

 private:
  LiveState::Parts parts() {
    return {.types = &types_,
            .hash = &hash_,
            .store = store_.get(),
            .tenant = {},
            .limits = {},
            .features = features_,
            .write_delay = std::chrono::hours(1)};
  }
  void append(MemoryLog& log, Stream stream, std::vector<EncodedBlock> blocks) const {
    std::vector<EventLog::Append> appends;
    for (auto& block : blocks) appends.push_back({stream, 0, block.count, std::move(block.bytes)});
    must(log.append(appends));
  }
  void fill() {
    std::vector<ItemRecord> items(kItems);
    for (uint32_t i = 0; i < kItems; ++i) {
      items[i].id = "item" + std::to_string(i);
      items[i].categories = {"c" + std::to_string(i % 40), "c" + std::to_string(i % 7)};
      items[i].creator = "m" + std::to_string(i % 500);
    }
    append(log_, Stream::kItems, encode_items(items));
    append(items_, Stream::kItems, encode_items(items));
    std::vector<std::string> names(users());
    for (uint32_t u = 0; u < users(); ++u) names[u] = "user" + std::to_string(u);
    Philox random(7, 0);
    std::vector<EventView> rows;
    const uint64_t events = uint64_t{users()} * kEventsEach;
    for (uint64_t e = 0; e < events; ++e) {
      EventView row;
      row.user = names[random.below(users())];
      row.item = items[std::min(random.below(kItems), random.below(kItems))].id;
      row.type = *types_.find(e % 4 == 0 ? "like" : "click");
      row.ts = row.received = {kNow - kMonthUs + static_cast<int64_t>(e * kMonthUs / events)};
      rows.push_back(row);
      if (rows.size() < 100'000) continue;
      append(log_, Stream::kEvents, encode_events(rows, types_));
      rows.clear();
    }
    append(log_, Stream::kEvents, encode_events(rows, types_));
  }

  FeatureConfig features_;
  EventTypes types_ = EventTypes::defaults();
  KeyedHash hash_{KeyedHash::Key{1, 2, 3}, Tenant{}};
  std::filesystem::path root_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<RocksState> store_;
  MemoryLog log_, items_;
  double fold_s_ = 0;
  std::unique_ptr<LiveState> live_;
};

const std::vector<std::string> kNames = {"user_recency_h",
                                         "user_entropy_bits",
                                         "user_count:click:1d",
                                         "user_trust",
                                         "session_events",
                                         "item_popularity",
                                         "item_count:click:1h",
                                         "item_count:click:1d",
                                         "item_count:click:7d",
                                         "item_count:like:1d",
                                         "item_rate:click:7d",
                                         "item_trending",
                                         "category_count:click:1d",
                                         "creator_count:click:1d",
                                         "user_category",
                                         "user_creator",
                                         "co_view"};

// A user who is not in memory, or one who is, and 500 candidates.
void read_request(benchmark::State& state) {
  const bool cold = state.range(0) == 0;
  static World world(true);
  static bool said = false;
  world.restart();
  LiveState& live = world.live();
  const auto reader = must(FeatureReader::make(kNames, world.types(), live.features()));
  std::vector<ItemIx> items(500);
  std::vector<float> out(items.size() * reader.size());
  FeatureScratch scratch;
  Philox random(9, 0);
  std::vector<double> us;
  uint32_t next = 0;
  for (auto _ : state) {
    for (ItemIx& item : items) item = {random.below(kItems)};
    const std::string user = "user" + std::to_string(cold ? next++ % users() : next++ % 100);
    const auto begin = std::chrono::steady_clock::now();
    const auto known = must(live.user(user));
    const Catalogue::View catalogue = live.catalogue().view();
    const ItemSignals::View signals = live.signals()->view();
    const FeatureMoment moment{known.get(), "", {kNow}};
    reader.read({{&world.types(), &catalogue, &live.popularity(), &signals}, moment, items}, out,
                scratch);
    benchmark::DoNotOptimize(out.data());
    us.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
                     .count());
  }
  std::ranges::sort(us);
  state.counters["p50_us"] = us[us.size() / 2];
  state.counters["p99_us"] = us[us.size() * 99 / 100];
  state.counters["features"] = static_cast<double>(reader.size());
  if (!said) {
    state.counters["bytes_a_user"] = world.bytes_a_user();
    state.counters["disk_bytes_a_user"] = world.disk_bytes_a_user();
    state.counters["fold_events_a_s"] = users() * kEventsEach / world.fold_s();
  }
  said = true;
}
BENCHMARK(read_request)->Arg(1)->Arg(0)->ArgName("in_memory")->Iterations(20'000);

void plain_state(benchmark::State& state) {
  World world(false);
  for (auto _ : state) benchmark::DoNotOptimize(world.bytes_a_user());
  state.counters["bytes_a_user"] = world.bytes_a_user();
  state.counters["disk_bytes_a_user"] = world.disk_bytes_a_user();
  state.counters["fold_events_a_s"] = users() * kEventsEach / world.fold_s();
}
BENCHMARK(plain_state)->Iterations(1);

}  // namespace
}  // namespace palate
