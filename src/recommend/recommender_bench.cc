// What one answer costs, end to end, without HTTP: 10,000 items and more, 64 factors, 60 events a
// user.
#include <chrono>
#include <map>
#include <set>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "models/catalog.h"
#include "recommend/diversity.h"
#include "recommend/filter_expression.h"
#include "recommend/world_for_test.h"

namespace palate {
namespace {

constexpr uint32_t kUsers = 1'000;  // who ask
constexpr uint32_t kEventsEach = 60;
constexpr uint32_t kTastes = 200;

struct BenchWorld {
  RecommendWorld world;
  Release release;
  std::shared_ptr<const Recommender> recommender;

  static ItemRecord described(uint32_t i) {
    ItemRecord item = RecommendWorld::item(i);
    item.categories = {fmt::format("c{}", i % 30), fmt::format("d{}", i % 7)};
    item.creator = fmt::format("m{}", i % 500);
    item.attributes["year"] = std::to_string(1950 + i % 75);
    return item;
  }
  // Item i is of taste i % kTastes. Of ten likes eight are of the user's two tastes, and half are
  // of what many like: a long tail.
  static uint32_t liked(uint32_t user, uint32_t count, Philox& random) {
    const uint32_t all = count / kTastes;
    const uint32_t rank = random.below(random.below(2) == 0 ? all : random.below(all) + 1);
    const uint32_t drawn = random.below(10);
    const uint32_t taste = drawn < 5 ? user : drawn < 8 ? 7 * user + 13 : random.below(kTastes);
    return rank * kTastes + taste % kTastes;
  }
  // So many users that nearly every item was had by somebody.
  void post_events(uint32_t count) {
    constexpr uint32_t kAtOnce = 2'000;  // users
    Philox random(1, 0);
    const uint32_t users = kUsers + count / 20;
    for (uint32_t first = 0; first < users; first += kAtOnce) {
      std::vector<std::string> names, items;
      for (uint32_t user = first; user < std::min(first + kAtOnce, users); ++user) {
        for (uint32_t i = 0; i < kEventsEach; ++i) {
          names.push_back(RecommendWorld::user_name(user));
          items.push_back(RecommendWorld::item_name(liked(user, count, random)));
        }
      }
      std::vector<EventView> rows;
      for (size_t i = 0; i < names.size(); ++i) {
        rows.push_back(world.event("like", names[i], items[i]));
      }
      world.post_all(rows);
    }
  }

  explicit BenchWorld(uint32_t count) {
    constexpr uint32_t kAtOnce = 10'000;
    for (uint32_t first = 0; first < count; first += kAtOnce) {
      std::vector<ItemRecord> items;
      for (uint32_t i = first; i < std::min(first + kAtOnce, count); ++i) {
        items.push_back(described(i));
      }
      world.post_items(items);
    }
    post_events(count);
    world.configs.als.factors = 64;
    world.configs.als.iterations = 2;
    const std::vector<std::string> stages{"where expression='attributes.year >= 1960'",
                                          "personal quota=500",
                                          "similar quota=300 recent=10",
                                          "popular quota=200",
                                          "new quota=100",
                                          "creators quota=100 liked=1",
                                          "formula score='unit(personal) + 0.2 * "
                                          "unit(log1p(popularity)) + 0.1 * unit(attribute.year) + "
                                          "0.1 * unit(retrieval)'",
                                          "dpp strength=0.2 places=50 candidates=500"};
    const auto declared = world.pipelines.declare(
        "full", {{"stages", stages}, {"places", int64_t{50}}, {"deadline_ms", 1000.0}});
    PALATE_CHECK(declared.has_value(), "the pipeline is refused");
    release = world.train({"popularity", "als"});
    recommender = world.recommender(release);
  }
};

constexpr uint32_t kItems = 10'000;

BenchWorld& bench_world(uint32_t items = kItems) {
  static std::map<uint32_t, std::unique_ptr<BenchWorld>> worlds;
  auto& world = worlds[items];
  if (!world) world = std::make_unique<BenchWorld>(items);
  return *world;
}

// What the sources "personal" and "similar" ask for, nearly or exactly: of a hundred users.
struct Asked {
  std::vector<TopKRequest> personal;
  std::vector<SimilarTo> similar;
  std::vector<std::shared_ptr<const UserState>> users;

  Asked(BenchWorld& bench, bool nearly) {
    for (uint32_t user = 0; user < 100; ++user) {
      const auto id = bench.world.live().hash().user(RecommendWorld::user_name(user));
      auto state = bench.world.live().user(id);
      PALATE_CHECK(state && *state, "a user is missing");
      users.push_back(*state);
      const std::span<const HistoryEntry> history = users.back()->history;
      TopKRequest& request = personal.emplace_back();
      request.query.history = history;
      request.k = 500;
      request.nearly = nearly;
      for (const HistoryEntry& entry : history.last(10)) {
        similar.push_back({entry.item, {}, 30, nearly});
      }
    }
  }
};

double share_found(const std::vector<Scored>& list, const std::vector<Scored>& best) {
  std::set<uint32_t> found;
  for (const Scored& one : list) found.insert(one.item.value);
  const auto hits = std::ranges::count_if(
      best, [&](const Scored& one) { return found.contains(one.item.value); });
  return best.empty() ? 1 : static_cast<double>(hits) / static_cast<double>(best.size());
}

std::unique_ptr<Model> als_of(BenchWorld& bench) {
  auto artefact = bench.world.registry().open("als", bench.release.artefacts.at("als"));
  PALATE_CHECK(artefact.has_value(), "no model");
  auto model = load_model(std::move(*artefact));
  PALATE_CHECK(model.has_value(), "the model does not load");
  return std::move(*model);
}

void nearly_best(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  BenchWorld& bench = bench_world(static_cast<uint32_t>(state.range(0)));
  const auto model = als_of(bench);
  const Asked nearly(bench, true), exactly(bench, false);
  Scratch scratch;
  const auto one_by_one = [&](const Asked& asked) {
    std::vector<std::vector<Scored>> lists;
    for (const TopKRequest& request : asked.personal) {
      lists.push_back(std::move(model->top_k({&request, 1}, scratch).front()));
    }
    return lists;
  };
  std::vector<std::vector<Scored>> lists;
  for (auto _ : state) lists = one_by_one(nearly);
  const auto begin = Clock::now();
  const auto best = one_by_one(exactly);
  const std::chrono::duration<double, std::micro> exact = Clock::now() - begin;
  double personal = 0, similar = 0;
  for (size_t i = 0; i < lists.size(); ++i) personal += share_found(lists[i], best[i]);
  const auto likes = model->similar_batch(nearly.similar, scratch);
  const auto alike = model->similar_batch(exactly.similar, scratch);
  for (size_t i = 0; i < likes.size(); ++i) similar += share_found(*likes[i], *alike[i]);
  const auto users = static_cast<double>(lists.size());
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(lists.size()));
  state.counters["exact_us"] = exact.count() / users;
  state.counters["recall_personal_500"] = personal / users;
  state.counters["recall_similar_30"] = similar / static_cast<double>(likes.size());
}

// By items of the catalogue; 1,000 candidates or so. `first_us`: everybody's first answer, when no
// list of similar items is kept yet.
void full_pipeline(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  BenchWorld& world = bench_world(static_cast<uint32_t>(state.range(0)));
  const auto recommender = world.world.recommender(world.release);
  const auto ask = [&](uint32_t user) {
    const auto slate = recommender->recommend(
        {.user = RecommendWorld::user_name(user % kUsers), .n = 10, .pipeline = "full"});
    PALATE_CHECK(slate && slate->items.size() == 10 && slate->level == "full", "a wrong answer");
    benchmark::DoNotOptimize(slate);
  };
  const auto begin = Clock::now();
  for (uint32_t user = 0; user < kUsers; ++user) ask(user);
  const std::chrono::duration<double, std::micro> first = Clock::now() - begin;
  state.counters["first_us"] = first.count() / kUsers;
  const auto before = world.world.pipelines.stage_reports();
  uint32_t user = 0;
  for (auto _ : state) ask(user++);
  const auto after = world.world.pipelines.stage_reports();
  for (size_t i = 0; i < after.size(); ++i) {
    if (after[i].pipeline != "full") continue;
    const auto calls = static_cast<double>(after[i].calls - before[i].calls);
    const auto ns = static_cast<double>(after[i].total_ns - before[i].total_ns);
    state.counters[std::string(after[i].stage) + "_us"] = ns / 1e3 / calls;
  }
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
  for (const StepTiming& timing : recommender.step_timings()) {
    state.counters[std::string(timing.name) + "_us"] =
        static_cast<double>(timing.total_ns) / 1e3 / static_cast<double>(timing.calls);
  }
}

void personal_top_10(benchmark::State& state) { run(state, {.n = 10}, true); }
void personal_top_100(benchmark::State& state) { run(state, {.n = 100}, true); }
void personal_in_a_category(benchmark::State& state) {
  run(state, {.n = 10, .categories = {"d3"}}, true);
}
void personal_with_reasons(benchmark::State& state) { run(state, {.n = 10, .explain = 2}, true); }
void popular_top_10(benchmark::State& state) { run(state, {.n = 10}, false); }

// One filter over a catalogue of so many items: two columns and a category.
void filter(benchmark::State& state) {
  Catalogue catalogue;
  for (int64_t i = 0; i < state.range(0); ++i) {
    ItemRecord item = RecommendWorld::item(static_cast<uint32_t>(i));
    item.attributes = {{"year", std::to_string(1950 + i % 75)}, {"price", std::to_string(i % 997)}};
    PALATE_CHECK(catalogue.apply(item).has_value(), "an item is refused");
  }
  const auto view = catalogue.view();
  ItemBitmap blocked((view.size() + 63) / 64);
  for (auto _ : state) {
    const auto parsed = FilterExpression::parse(
        "category = 'history' and attributes.year >= 2000 and not attributes.price > 500");
    PALATE_CHECK(parsed && parsed->block_others(view, now(), blocked), "a filter is refused");
    benchmark::DoNotOptimize(blocked.data());
  }
}

// 50 places out of 500 candidates with 64 dimensions and categories.
void diversify(benchmark::State& state, Diversifier by) {
  Philox random(1, 0);
  std::vector<float> vectors(500 * 64), relevance(500);
  for (float& value : vectors) value = random.uniform() - 0.5F;
  for (float& value : relevance) value = random.uniform();
  std::vector<std::vector<uint32_t>> categories(500);
  std::vector<ItemTraits> traits;
  for (auto& of_item : categories) {
    const uint32_t first = random.below(30);
    of_item = {first, first + 1 + random.below(5)};
    traits.push_back({.categories = of_item});
  }
  for (auto _ : state) {
    Likeness likeness({vectors.data(), 500, 64}, traits);
    const auto order =
        diversified(relevance, std::move(likeness), {.by = by, .strength = 0.5, .count = 50});
    benchmark::DoNotOptimize(order.data());
  }
}

BENCHMARK_CAPTURE(diversify, dpp, Diversifier::kDpp)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(diversify, mmr, Diversifier::kMmr)->Unit(benchmark::kMicrosecond);
BENCHMARK(filter)->Arg(10'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(full_pipeline)->Arg(10'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(nearly_best)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(personal_top_10)->Unit(benchmark::kMicrosecond);
BENCHMARK(personal_top_100)->Unit(benchmark::kMicrosecond);
BENCHMARK(personal_in_a_category)->Unit(benchmark::kMicrosecond);
BENCHMARK(personal_with_reasons)->Unit(benchmark::kMicrosecond);
BENCHMARK(popular_top_10)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace palate
