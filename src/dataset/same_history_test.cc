// What serving reads of a user is what training saw: the live state and a dataset of the same log.
#include <random>

#include <gtest/gtest.h>

#include "dataset/dataset.h"
#include "events/block.h"
#include "features/live_state.h"
#include "features/memory_parts_for_test.h"

namespace palate {
namespace {

constexpr uint32_t kUsers = 20, kItems = 30;

std::vector<ItemRecord> some_items() {
  std::vector<ItemRecord> items(kItems);
  for (uint32_t i = 0; i < kItems; ++i) items[i].id = "i" + std::to_string(i);
  return items;
}

struct Logged {
  EventTypes types = EventTypes::defaults();
  KeyedHash hash{KeyedHash::Key{1, 2, 3}, Tenant{}};
  MemoryLog log;
  MemoryStore store;

  void append(Stream stream, std::vector<EncodedBlock> blocks) {
    std::vector<EventLog::Append> appends;
    for (auto& block : blocks) appends.push_back({stream, 0, block.count, std::move(block.bytes)});
    ASSERT_TRUE(log.append(appends));
  }

  // Ratings of all values, half-stars and none, among events of other roles.
  void fill() {
    append(Stream::kItems, encode_items(some_items()));
    std::minstd_rand random(7);
    std::vector<std::string> names;
    names.reserve(4000);
    std::vector<EventView> rows(2000);
    for (EventView& row : rows) {
      const char* kinds[] = {"rating", "rating", "impression", "like", "dislike", "search"};
      const std::string kind = kinds[random() % std::size(kinds)];
      row.type = *types.find(kind);
      row.user = names.emplace_back("u" + std::to_string(random() % kUsers));
      if (kind != "search") row.item = names.emplace_back("i" + std::to_string(random() % kItems));
      if (kind == "rating" && random() % 5 != 0) row.value = 0.5 * (1 + random() % 10);
      row.ts.us = static_cast<int64_t>(random() % 1'000'000);
    }
    append(Stream::kEvents, encode_events(rows, types));
  }

  std::unique_ptr<LiveState> live(FeatureConfig features, size_t bulk_entries_min) {
    auto state =
        std::make_unique<LiveState>(LiveState::Parts{.types = &types,
                                                     .hash = &hash,
                                                     .store = &store,
                                                     .tenant = {},
                                                     .limits = {},
                                                     .features = features,
                                                     .bulk_entries_min = bulk_entries_min,
                                                     .user_bytes_max = size_t{1} << 20,
                                                     .write_delay = std::chrono::hours(1)});
    EXPECT_TRUE(state->catch_up(log, {}));
    return state;
  }
};

void expect_same(const HistoryEntry& served, const HistoryEntry& trained) {
  EXPECT_EQ(served.offset, trained.offset);
  EXPECT_EQ(served.item, trained.item);
  EXPECT_EQ(served.type, trained.type);
  EXPECT_EQ(served.preference, trained.preference);
  EXPECT_EQ(served.ts, trained.ts);
  EXPECT_TRUE(served.value == trained.value ||
              (served.value != served.value && trained.value != trained.value));
}

TEST(SameHistory, ServingSeesWhatTrainingSawNeutralRatingsToo) {
  for (const bool with_features : {false, true}) {
    for (const size_t bulk_entries_min : {size_t{0}, size_t{1'000'000}}) {
      Logged world;
      world.fill();
      ThreadPool pool(2);
      const auto dataset =
          Dataset::build({&world.log, &world.types, &world.hash, {}, TimeKind::kReal}, pool, {});
      ASSERT_TRUE(dataset) << dataset.error().message;
      FeatureConfig features;
      features.counters = with_features;
      const auto live = world.live(features, bulk_entries_min);
      size_t neutral = 0;
      for (uint32_t u = 0; u < kUsers; ++u) {
        const std::string name = "u" + std::to_string(u);
        const auto user = dataset->find_user(world.hash.user(name));
        ASSERT_TRUE(user) << name;
        const auto trained = dataset->of(*user);
        const auto state = live->user(name);
        ASSERT_TRUE(state && *state) << name;
        ASSERT_EQ((*state)->history.size(), trained.size()) << name;
        for (size_t i = 0; i < trained.size(); ++i) {
          expect_same((*state)->history[i], trained[i]);
          neutral += trained[i].preference == 0;
        }
      }
      EXPECT_GT(neutral, 50u) << "or the test would not see what it is for";
    }
  }
}

}  // namespace
}  // namespace palate
