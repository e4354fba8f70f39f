#include "features/live_state.h"

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "events/block.h"
#include "events/rating_types.h"
#include "features/live_position.h"
#include "features/memory_parts_for_test.h"

namespace palate {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

// A log and store, and the state folded from them, which can be closed and opened again.
struct World {
  EventTypes types = EventTypes::defaults();
  KeyedHash hash{KeyedHash::Key{1, 2, 3}, Tenant{}};
  MemoryLog log;
  MemoryStore store;
  HistoryLimits limits{.events_max = 5, .consumed_max = 8};
  FeatureConfig features;
  size_t bulk_entries_min = 500'000;
  size_t user_bytes_max = size_t{256} << 20;
  std::unique_ptr<LiveState> live;

  World() { open(); }
  Status reopen() {
    live = make();
    return live->catch_up(log, {});
  }
  void open() {
    const Status opened = reopen();
    if (!opened) RC_FAIL(opened.error().message);
  }
  // What the store has once everything is written.
  std::map<std::string, std::string, std::less<>> written() {
    const Status flushed = live->flush();
    if (!flushed) RC_FAIL(flushed.error().message);
    return store.values;
  }
  std::unique_ptr<LiveState> make() {
    return std::make_unique<LiveState>(LiveState::Parts{.types = &types,
                                                        .hash = &hash,
                                                        .store = &store,
                                                        .tenant = {},
                                                        .limits = limits,
                                                        .features = features,
                                                        .bulk_entries_min = bulk_entries_min,
                                                        .user_bytes_max = user_bytes_max,
                                                        .write_delay = std::chrono::hours(1)});
  }
  Position append(Stream stream, std::vector<EncodedBlock> blocks) {
    std::vector<EventLog::Append> appends;
    for (auto& block : blocks) appends.push_back({stream, 0, block.count, std::move(block.bytes)});
    return log.append(appends)->front();
  }
  Position log_events(const std::vector<EventView>& rows) {
    return append(Stream::kEvents, encode_events(rows, types));
  }
  Position log_items(const std::vector<ItemRecord>& items) {
    return append(Stream::kItems, encode_items(items));
  }
  Position log_users(const std::vector<UserRecord>& users) {
    return append(Stream::kUsers, encode_users(users));
  }
  EventView event(std::string_view type, std::string_view user, std::string_view item) const {
    EventView row;
    row.type = *types.find(type);
    row.user = user;
    row.item = item;
    return row;
  }
};

ItemRecord item(std::string id) {
  ItemRecord record;
  record.id = std::move(id);
  return record;
}

std::vector<ItemRecord> ten_items() {
  std::vector<ItemRecord> items;
  for (int i = 0; i < 10; ++i) items.push_back(item("i" + std::to_string(i)));
  return items;
}

const std::vector<std::string>& names(char kind) {
  static const auto make = [](char c) {
    std::vector<std::string> out;
    for (int i = 0; i < 10; ++i) out.push_back(c + std::to_string(i));
    return out;
  };
  static const std::vector<std::string> users = make('u'), items = make('i');
  return kind == 'u' ? users : items;
}

EventView draw_event(const World& world) {
  const auto type = *rc::gen::element("click", "rating", "dislike", "impression", "search", "like");
  const auto& user = names('u')[*rc::gen::inRange<size_t>(0, 10)];
  const auto& item_name = names('i')[*rc::gen::inRange<size_t>(0, 10)];
  const std::string_view no_item;
  EventView row = world.event(type, user, type == std::string_view("search") ? no_item : item_name);
  if (type == std::string_view("rating")) row.value = *rc::gen::inRange(1, 6);
  row.ts.us = *rc::gen::inRange<int64_t>(0, 30) * 7 * kDayUs;
  row.received.us = row.ts.us;
  row.context = *rc::gen::element("", R"({"region":"DE"})", R"({"a":1,"region":"FR"})");
  return row;
}

FeatureConfig draw_features() {
  FeatureConfig config;
  config.counters = *rc::gen::arbitrary<bool>();
  config.trust = *rc::gen::arbitrary<bool>();
  config.co_views = *rc::gen::element(0, 2, 20);
  return config;
}

TEST(LiveState, WhatWasAppliedIsInTheNextAnswer) {
  World world;
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  const std::vector<EventView> rows = {world.event("like", "ann", "i3"),
                                       world.event("impression", "bob", "i4"),
                                       world.event("dislike", "ann", "i5")};
  ASSERT_TRUE(world.live->apply_events(world.log_events(rows), rows));
  const auto ann = *world.live->user("ann");
  ASSERT_NE(ann, nullptr);
  EXPECT_EQ(ann->name, "ann");
  EXPECT_THAT(ann->history, SizeIs(2));
  EXPECT_THAT(ann->consumed, ElementsAre(ItemIx{3}));
  EXPECT_EQ(*world.live->user("bob"), nullptr) << "an impression says nothing about taste";
  EXPECT_GT(world.live->item_popularity(ItemIx{3}, {0}), 0);
  EXPECT_EQ(world.live->item_popularity(ItemIx{5}, {0}), 0);
  EXPECT_THAT(world.live->as_of(),
              ElementsAre(Position{Stream::kEvents, 0, 3}, Position{Stream::kItems, 0, 10},
                          Position{Stream::kUsers, 0, 0}));
}

TEST(LiveState, NothingMovesWhileItIsHeld) {
  World world;
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  const std::vector<EventView> rows{world.event("like", "ann", "i3")};
  const Position first = world.log_events(rows);
  std::atomic<bool> applied = false;
  std::thread writer;
  {
    const LiveState::Hold hold = world.live->hold();
    ASSERT_TRUE(hold.owns_lock());
    writer = std::thread([&] {
      EXPECT_TRUE(world.live->apply_events(first, rows));
      applied = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_FALSE(applied);
    EXPECT_EQ(world.live->as_of().front(), (Position{Stream::kEvents, 0, 0}));
    EXPECT_EQ(*world.live->user("ann"), nullptr);
  }
  writer.join();
  EXPECT_NE(*world.live->user("ann"), nullptr);
}

// Readers that hold it one after the other without a gap: the writer's turn comes all the same.
TEST(LiveState, ManyWhoHoldItDoNotKeepTheWriterOut) {
  World world;
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  std::atomic<bool> over = false;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!over) {
        const LiveState::Hold hold = world.live->hold();
        const AsOf then = world.live->as_of();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        EXPECT_EQ(world.live->as_of(), then);
      }
    });
  }
  const std::vector<EventView> rows{world.event("like", "ann", "i3")};
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(world.live->apply_events(world.log_events(rows), rows));
  }
  over = true;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

TEST(LiveState, ProfilesAndHistoriesDoNotDisturbEachOther) {
  World world;
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  const std::vector<EventView> rows = {world.event("like", "ann", "i3")};
  UserRecord ann;
  ann.id = "ann";
  ann.region = "DE";
  UserRecord later = ann;
  later.region = "FR";
  ASSERT_TRUE(world.live->apply_users(world.log_users({ann, later}), std::vector{ann, later}));
  ASSERT_TRUE(world.live->apply_events(world.log_events(rows), rows));
  for (int round = 0; round < 2; ++round) {
    const auto state = *world.live->user("ann");
    ASSERT_TRUE(state && state->has_profile);
    EXPECT_EQ(state->profile.region, "FR");
    EXPECT_THAT(state->history, SizeIs(1));
    ASSERT_TRUE(world.reopen());
  }
}

TEST(LiveState, AGapIsRefusedAndARepeatIsSkipped) {
  World world;
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  const std::vector<EventView> rows = {world.event("like", "ann", "i3"),
                                       world.event("like", "ann", "i4")};
  const Position first = world.log_events(rows);
  EXPECT_EQ(world.live->apply_events({Stream::kEvents, 0, 1}, rows).error().code,
            Code::kUnavailable);
  ASSERT_TRUE(world.live->apply_events(first, std::span(rows).first(1)));
  ASSERT_TRUE(world.live->apply_events(first, rows)) << "its first row is folded already";
  ASSERT_TRUE(world.live->apply_events(first, rows)) << "and now both are";
  EXPECT_THAT((*world.live->user("ann"))->history, SizeIs(2));
}

TEST(LiveState, OtherEventTypesRebuildTheState) {
  World world;
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  const std::vector<EventView> rows = {world.event("like", "ann", "i3")};
  ASSERT_TRUE(world.live->apply_events(world.log_events(rows), rows));
  ASSERT_TRUE(world.live->flush());
  ASSERT_TRUE(world.types.declare({"like", Role::kPositive, 7.5, {}, {}}));
  const auto reader = world.make();
  EXPECT_EQ(reader->catch_up(world.log, {}, true).error().code, Code::kUnsupportedVersion);
  ASSERT_TRUE(world.reopen());
  EXPECT_FLOAT_EQ((*world.live->user("ann"))->history.at(0).preference, 7.5);
  EXPECT_DOUBLE_EQ(world.live->item_popularity(ItemIx{3}, {0}), 7.5);
}

TEST(LiveState, WhatCannotBeWrittenStaysInMemory) {
  World world;
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  const std::vector<EventView> rows = {world.event("like", "ann", "i3")};
  ASSERT_TRUE(world.live->apply_events(world.log_events(rows), rows));
  world.store.writes_left = 0;
  EXPECT_EQ(world.live->flush().error().code, Code::kNoSpace);
  EXPECT_THAT(world.store.values, ::testing::IsEmpty());
  EXPECT_THAT((*world.live->user("ann"))->history, SizeIs(1));
  world.store.writes_left = 100;
  ASSERT_TRUE(world.live->apply_events(world.log_events(rows), rows));
  const auto once = world.written();
  EXPECT_THAT((*world.live->user("ann"))->history, SizeIs(2));
  EXPECT_EQ(*world.live->users_count(), 1u);
  world.store.values.clear();
  ASSERT_TRUE(world.reopen());
  EXPECT_EQ(world.written(), once);
}

TEST(LiveState, WhenMemoryIsFullOfWhatIsNotWrittenTheWriterWaitsForTheStore) {
  World world;
  world.user_bytes_max = 1;
  ASSERT_TRUE(world.reopen());
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  const std::vector<EventView> rows = {world.event("like", "ann", "i3")};
  ASSERT_TRUE(world.live->apply_events(world.log_events(rows), rows));
  world.store.writes_left = 0;
  const Position second = world.log_events(rows);
  EXPECT_EQ(world.live->apply_events(second, rows).error().code, Code::kNoSpace);
  EXPECT_THAT((*world.live->user("ann"))->history, SizeIs(1));
  world.store.writes_left = 100;
  ASSERT_TRUE(world.live->catch_up(world.log, {}));
  EXPECT_THAT((*world.live->user("ann"))->history, SizeIs(2));
  EXPECT_EQ(world.live->item_popularity(ItemIx{3}, {0}), 6) << "each counted once";
}

TEST(LiveState, AReaderFollowsTheWriter) {
  World world;
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  const auto reader = world.make();
  ASSERT_TRUE(reader->catch_up(world.log, {}, true));
  const std::vector<EventView> rows = {world.event("like", "ann", "i3")};
  ASSERT_TRUE(world.live->apply_events(world.log_events(rows), rows));
  EXPECT_EQ(reader->as_of()[0].offset, 0u);
  ASSERT_TRUE(reader->catch_up(world.log, {}, true));
  EXPECT_EQ(reader->as_of(), world.live->as_of());
  EXPECT_EQ(reader->item_popularity(ItemIx{3}, {0}), world.live->item_popularity(ItemIx{3}, {0}));
}

TEST(LiveState, AReaderOfTheStoreSeesWhatIsWrittenOnly) {
  World world;
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  const std::vector<EventView> rows = {world.event("like", "ann", "i3")};
  ASSERT_TRUE(world.live->apply_events(world.log_events(rows), rows));
  LiveState stored({.types = &world.types,
                    .hash = &world.hash,
                    .store = &world.store,
                    .tenant = {},
                    .limits = world.limits,
                    .reader_events_max = 0});
  ASSERT_TRUE(stored.catch_up(world.log, {}, true));
  EXPECT_EQ(stored.as_of()[0].offset, 0u);
  EXPECT_EQ(*stored.user("ann"), nullptr);
  ASSERT_TRUE(world.live->flush());
  ASSERT_TRUE(stored.catch_up(world.log, {}, true));
  EXPECT_EQ(stored.as_of()[0].offset, 1u);
  EXPECT_NE(*stored.user("ann"), nullptr);
}

TEST(LiveState, WaitingEndsWithThePositionOrTheDeadline) {
  World world;
  ASSERT_TRUE(world.live->apply_items(world.log_items(ten_items()), ten_items()));
  EXPECT_TRUE(world.live->wait_for({Stream::kItems, 0, 10}, 0));
  EXPECT_FALSE(world.live->wait_for({Stream::kEvents, 0, 1}, 1000));
  const std::vector<EventView> rows = {world.event("like", "ann", "i3")};
  std::thread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(world.live->apply_events(world.log_events(rows), rows));
  });
  EXPECT_TRUE(world.live->wait_for({Stream::kEvents, 0, 1}, 30'000'000));
  writer.join();
}

TEST(LiveState, StoppingLeavesWhatWasFolded) {
  World world;
  world.log_items(ten_items());
  std::stop_source stop;
  stop.request_stop();
  world.live = world.make();
  EXPECT_EQ(world.live->catch_up(world.log, stop.get_token()).error().code, Code::kCancelled);
  EXPECT_TRUE(world.live->catch_up(world.log, {}));
}

// Streaming in random cuts, with the process gone in between and the position of any earlier fold
// refolded, gives the bytes of one pass over the log.
RC_GTEST_PROP(LiveState, OnlineEqualsOffline, ()) {
  World online;
  online.bulk_entries_min = *rc::gen::element<size_t>(0, 10, 1000);
  online.features = draw_features();
  online.open();
  const auto items = ten_items();
  RC_ASSERT(online.live->apply_items(online.log_items(items), items).has_value());
  const auto batches = *rc::gen::inRange(1, 12);
  for (int b = 0; b < batches; ++b) {
    std::vector<EventView> rows;
    const auto count = *rc::gen::inRange(1, 20);
    for (int i = 0; i < count; ++i) rows.push_back(draw_event(online));
    const Position first = online.log_events(rows);
    const auto how = *rc::gen::inRange(0, 4);
    if (how == 0) {  // the process dies between log and fold
      online.open();
    } else if (how == 1) {  // it dies after half of the fold
      const auto half = *rc::gen::inRange<size_t>(0, rows.size() + 1);
      RC_ASSERT(online.live->apply_events(first, std::span(rows).first(half)).has_value());
      online.open();
    } else {
      RC_ASSERT(online.live->apply_events(first, rows).has_value());
      if (how == 2) RC_ASSERT(online.live->flush().has_value());
    }
  }
  const auto streamed = online.written();
  online.store.values.clear();
  online.open();
  RC_ASSERT(streamed == online.written());
}

// The plain twin: one fold_event() at a time, everything in a map.
RC_GTEST_PROP(LiveState, EqualsThePlainFold, ()) {
  World world;
  world.bulk_entries_min = *rc::gen::element<size_t>(0, 1000);
  world.log_items(ten_items());
  std::map<std::string, UserState> plain;
  HistoryLimits limits = world.limits;
  limits.types = &world.types;
  std::vector<EventView> rows;
  const auto count = *rc::gen::inRange(1, 200);
  for (int i = 0; i < count; ++i) rows.push_back(draw_event(world));
  world.log_events(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    const float preference = world.types.preference(rows[i].type, rows[i].value);
    if (!says_something(world.types.at(rows[i].type), preference, rows[i].value)) continue;
    if (rows[i].item.empty()) continue;
    UserState& state = plain[std::string(rows[i].user)];
    state.name = rows[i].user;
    const ItemIx ix{static_cast<uint32_t>(rows[i].item[1] - '0')};
    const HistoryEntry entry{.item = ix,
                             .type = rows[i].type,
                             .value = static_cast<float>(rows[i].value),
                             .preference = preference,
                             .ts = rows[i].ts,
                             .offset = i};
    fold_event(state, entry, limits);
  }
  world.open();
  for (const auto& name : names('u')) {
    const auto got = *world.live->user(name);
    RC_ASSERT((got != nullptr) == (plain.count(name) == 1));
    if (!got) continue;
    RC_ASSERT(encode_user_state(*got, world.types) == encode_user_state(plain[name], world.types));
  }
}

// More users than one partition holds: threads and cuts must not show in the bytes.
TEST(LiveState, ManyUsersGiveTheSameBytesOnline) {
  World world;
  world.features.counters = world.features.trust = true;
  world.features.co_views = 3;
  world.open();
  const auto items = ten_items();
  ASSERT_TRUE(world.live->apply_items(world.log_items(items), items));
  std::vector<std::string> users;
  for (int u = 0; u < 5000; ++u) users.push_back("user" + std::to_string(u));
  std::vector<EventView> rows;
  for (size_t i = 0; i < 12'000; ++i) {
    rows.push_back(world.event("like", users[i * 7919 % 5000], items[i * 31 % 10].id));
  }
  const Position first = world.log_events(rows);
  for (size_t i = 0; i < rows.size(); i += 100) {
    ASSERT_TRUE(world.live->apply_events({Stream::kEvents, 0, first.offset + i},
                                         std::span(rows).subspan(i, 100)));
  }
  const auto streamed = world.written();
  for (const size_t bulk_entries_min : {size_t{0}, size_t{1'000'000}}) {
    world.bulk_entries_min = bulk_entries_min;
    world.store.values.clear();
    ASSERT_TRUE(world.reopen());
    EXPECT_EQ(world.written(), streamed) << bulk_entries_min;
  }
}

// Numbers, dictionaries and texts are looked up in different ways: one user is one user in all.
TEST(LiveState, NamesOfEveryFormMeetInOneState) {
  World world;
  std::vector<ItemRecord> items;
  for (const char* id : {"7", "i7", "x", "99999999"}) items.push_back(item(id));
  world.log_items(items);
  const std::vector<std::string> users = {"12", "u12", "9999999", "ann", "u0012", "u13"};
  std::map<std::string, size_t> events;
  for (size_t block = 0; block < 40; ++block) {
    std::vector<EventView> rows;
    for (size_t i = 0; i < 30; ++i) {
      // Some blocks have one user, some only numbers, some everything.
      const std::string& user = users[block % 4 == 0 ? 1 : block % 4 == 1 ? i % 2 * 2 : i % 6];
      rows.push_back(world.event("like", user, items[block % 3 == 0 ? 0 : i % 4].id));
      ++events[user];
    }
    world.log_events(rows);
  }
  world.limits.events_max = 10'000;
  ASSERT_TRUE(world.reopen());
  for (const std::string& user : users) {
    const auto state = *world.live->user(user);
    ASSERT_TRUE(state) << user;
    EXPECT_EQ(state->history.size(), events[user]) << user;
  }
}

TEST(LiveState, AFailedBulkIsMendedByCatchingUp) {
  World world;
  world.bulk_entries_min = 0;
  world.log_items(ten_items());
  world.log_events({world.event("like", "ann", "i3")});
  world.store.writes_left = 0;
  ASSERT_FALSE(world.reopen());
  EXPECT_EQ(*world.live->user("ann"), nullptr);
  world.store.writes_left = 100;
  ASSERT_TRUE(world.live->catch_up(world.log, {}));
  EXPECT_THAT((*world.live->user("ann"))->history, SizeIs(1));
  EXPECT_EQ(world.live->item_popularity(ItemIx{3}, {0}), 3) << "counted once";
}

}  // namespace
}  // namespace palate
