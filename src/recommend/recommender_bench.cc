// What one answer costs, end to end, without HTTP: 10,000 items, 64 factors, 60 events a user.
#include <benchmark/benchmark.h>

#include "base/check.h"
#include "recommend/world_for_test.h"

namespace palate {
namespace {

constexpr uint32_t kItems = 10'000;
constexpr uint32_t kUsers = 1'000;
constexpr uint32_t kEventsEach = 60;

struct BenchWorld {
  RecommendWorld world;
  std::shared_ptr<const Recommender> recommender;

  BenchWorld() {
    std::vector<ItemRecord> items;
    for (uint32_t i = 0; i < kItems; ++i) items.push_back(RecommendWorld::item(i));
    world.post_items(items);
    std::vector<std::string> users;
    for (uint32_t user = 0; user < kUsers; ++user) users.push_back(RecommendWorld::user_name(user));
    std::vector<EventView> rows;
    Philox random(1, 0);
    for (uint32_t i = 0; i < kUsers * kEventsEach; ++i) {
      const uint32_t item = random.below(random.below(kItems) + 1);  // a long tail
      rows.push_back(world.event("like", users[i % kUsers], items[item].id));
    }
    world.post_all(rows);
    world.configs.als.factors = 64;
    world.configs.als.iterations = 2;
    recommender = world.trained({"popularity", "als"});
  }
};

BenchWorld& bench_world() {
  static BenchWorld world;
  return world;
}

void run(benchmark::State& state, const RecommendRequest& shape, bool known) {
  const Recommender& recommender = *bench_world().recommender;
  RecommendRequest request = shape;
  uint32_t user = 0;
  for (auto _ : state) {
    request.user = known ? RecommendWorld::user_name(user++ % kUsers) : "nobody";
    const auto slate = recommender.recommend(request);
    PALATE_CHECK(slate && slate->items.size() == request.n && slate->personalized == known,
                 "a wrong answer");
    benchmark::DoNotOptimize(slate);
  }
  for (const StageTiming& timing : recommender.stage_timings()) {
    state.counters[std::string(timing.name) + "_us"] =
        static_cast<double>(timing.total_ns) / 1e3 / static_cast<double>(timing.calls);
  }
}

void personal_top_10(benchmark::State& state) { run(state, {.n = 10}, true); }
void personal_top_100(benchmark::State& state) { run(state, {.n = 100}, true); }
void personal_in_a_category(benchmark::State& state) {
  run(state, {.n = 10, .categories = {"history"}}, true);
}
void personal_with_reasons(benchmark::State& state) { run(state, {.n = 10, .explain = 2}, true); }
void popular_top_10(benchmark::State& state) { run(state, {.n = 10}, false); }

BENCHMARK(personal_top_10)->Unit(benchmark::kMicrosecond);
BENCHMARK(personal_top_100)->Unit(benchmark::kMicrosecond);
BENCHMARK(personal_in_a_category)->Unit(benchmark::kMicrosecond);
BENCHMARK(personal_with_reasons)->Unit(benchmark::kMicrosecond);
BENCHMARK(popular_top_10)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace palate
