// Pages of one request: each allowed item once, whatever happens between them; and what is said of
// cursors that do not belong.
#include <algorithm>
#include <ostream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recommend/cursor.h"
#include "recommend/world_for_test.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

constexpr size_t kPagesMax = 500;

struct RandomCase {
  uint64_t seed;
  bool with_als;
  bool with_popularity;
};

// Into the names that ctest shows.
void PrintTo(const RandomCase& made, std::ostream* out) {
  *out << "seed " << made.seed << (made.with_als ? ", als" : "")
       << (made.with_popularity ? ", popularity" : "");
}

// Users, items and events without any structure, then some items that no model knows.
void fill(RecommendWorld& world, Philox& random, const RandomCase& options) {
  const uint32_t items = 5 + random.below(120);
  std::vector<ItemRecord> records;
  for (uint32_t i = 0; i < items; ++i) records.push_back(RecommendWorld::item(i));
  world.post_items(records);
  const uint32_t events = 20 + random.below(300);
  for (uint32_t i = 0; i < events; ++i) {
    world.post(random.below(8) == 0 ? "dislike" : "like",
               RecommendWorld::user_name(random.below(12)),
               RecommendWorld::item_name(random.below(items)));
  }
  world.post("like", "user-0", "item-0");
  if (options.with_als) (void)world.train({"als"});
  // Popularity is trained later, so it knows items that als does not.
  for (uint32_t i = 0; i < 10; ++i) {
    world.post_items({RecommendWorld::item(1000 + i)});
    world.post("like", "other", RecommendWorld::item_name(1000 + i));
  }
  if (options.with_popularity) (void)world.train({"popularity"});
  for (uint32_t i = 0; i < random.below(10); ++i) {
    world.post_items({RecommendWorld::item(2000 + i)});
  }
}

RecommendRequest random_request(Philox& random) {
  RecommendRequest request;
  request.user = random.below(4) == 0 ? "stranger" : RecommendWorld::user_name(random.below(12));
  request.include_consumed = random.below(3) == 0;
  for (uint32_t i = 0; i < random.below(6); ++i) {
    request.exclude.push_back(RecommendWorld::item_name(random.below(150)));
  }
  return request;
}

std::set<std::string> allowed(const LiveState& live, const RecommendRequest& request) {
  std::set<std::string> names;
  const auto user = live.user(request.user);
  const auto view = live.catalogue().view();
  for (uint32_t i = 0; i < view.size(); ++i) names.emplace(view.name({i}));
  for (const std::string& name : request.exclude) names.erase(name);
  if (!request.include_consumed && user && *user) {
    for (const auto& entry : (*user)->history) names.erase(std::string(view.name(entry.item)));
    for (ItemIx item : (*user)->consumed) names.erase(std::string(view.name(item)));
  }
  return names;
}

class Paging : public ::testing::TestWithParam<RandomCase> {};

TEST_P(Paging, GivesEachAllowedItemOnce) {
  Philox random(GetParam().seed, 0);
  RecommendWorld world;
  fill(world, random, GetParam());
  const auto recommender = world.recommender(**world.registry().current());
  for (int round = 0; round < 6; ++round) {
    RecommendRequest request = random_request(random);
    const auto expected = allowed(world.live(), request);
    std::set<std::string> got;
    for (size_t page = 0; page < kPagesMax; ++page) {
      request.n = 1 + random.below(12);
      const auto slate = recommender->recommend(request);
      ASSERT_TRUE(slate) << slate.error().message;
      for (const auto& item : slate->items) {
        EXPECT_TRUE(got.insert(item.item).second) << item.item << " came twice";
      }
      request.cursor = slate->cursor;
      if (slate->cursor.empty()) break;
      EXPECT_EQ(slate->items.size(), request.n);
      EXPECT_EQ(decode_cursor(slate->cursor, world.live().hash(), now())->given, got.size());
    }
    EXPECT_EQ(request.cursor, "");
    EXPECT_EQ(got, expected) << "seed " << GetParam().seed << " round " << round;
  }
}

TEST_P(Paging, StaysTogetherWhileEventsComeIn) {
  Philox random(GetParam().seed, 1);
  RecommendWorld world;
  fill(world, random, GetParam());
  const auto recommender = world.recommender(**world.registry().current());
  RecommendRequest request;
  request.user = "user-0";
  const auto possible = allowed(world.live(), request);
  std::set<std::string> got, consumed;
  for (size_t page = 0; page < kPagesMax; ++page) {
    request.n = 1 + random.below(5);
    const auto slate = recommender->recommend(request);
    ASSERT_TRUE(slate) << slate.error().message;
    for (const auto& item : slate->items) {
      EXPECT_TRUE(got.insert(item.item).second) << item.item << " came twice";
      EXPECT_FALSE(consumed.contains(item.item)) << item.item << " was consumed meanwhile";
    }
    request.cursor = slate->cursor;
    if (slate->cursor.empty()) break;
    // Something that was given, and something that may come later.
    for (const std::string& name :
         {slate->items[0].item, *std::next(possible.begin(), random.below(possible.size()))}) {
      world.post("like", "user-0", name);
      consumed.insert(name);
    }
  }
  EXPECT_EQ(request.cursor, "");
  for (const std::string& name : possible) {
    EXPECT_TRUE(got.contains(name) || consumed.contains(name)) << name << " never came";
  }
}

std::vector<RandomCase> cases() {
  std::vector<RandomCase> all;
  for (uint64_t seed = 1; seed <= 8; ++seed) all.push_back({seed, seed % 4 != 0, seed % 5 != 0});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Worlds, Paging, ::testing::ValuesIn(cases()),
                         [](const auto& made) { return fmt::format("seed{}", made.param.seed); });

class CursorUse : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.plant();
    recommender_ = world_.trained({"popularity", "als"});
    request_ = {.user = "user-0", .n = 3, .exclude = {"item-9"}};
    const auto first = recommender_->recommend(request_);
    ASSERT_TRUE(first) << first.error().message;
    request_.cursor = first->cursor;
  }
  Error refusal() {
    const auto slate = recommender_->recommend(request_);
    EXPECT_FALSE(slate);
    return slate ? Error{} : slate.error();
  }

  RecommendWorld world_;
  std::shared_ptr<const Recommender> recommender_;
  RecommendRequest request_;
};

TEST_F(CursorUse, PageSizeLanguageAndReasonsMayChange) {
  request_.n = 7;
  request_.language = "de";
  request_.explain = 1;
  const auto slate = recommender_->recommend(request_);
  ASSERT_TRUE(slate) << slate.error().message;
  EXPECT_EQ(slate->items.size(), 7u);
}

TEST_F(CursorUse, AForeignOneIsRefused) {
  const RecommendRequest mine = request_;
  request_.user = "user-1";
  EXPECT_EQ(refusal().code, Code::kInvalidArgument);
  EXPECT_THAT(refusal().message, HasSubstr("first page"));
  request_ = mine;
  request_.exclude.clear();
  EXPECT_EQ(refusal().code, Code::kInvalidArgument);
  request_ = mine;
  request_.categories = {"fantasy"};
  EXPECT_EQ(refusal().code, Code::kInvalidArgument);
  request_ = mine;
  request_.include_consumed = true;
  EXPECT_EQ(refusal().code, Code::kInvalidArgument);
}

TEST_F(CursorUse, GarbageIsRefused) {
  request_.cursor = "next";
  EXPECT_EQ(refusal().code, Code::kInvalidArgument);
  EXPECT_THAT(refusal().message, HasSubstr("cursor"));
}

TEST_F(CursorUse, AForgedOneCostsNoMoreThanTheCatalogue) {
  Cursor forged = *decode_cursor(request_.cursor, world_.live().hash(), now());
  forged.given = forged.given_by_source = 4'000'000'000;
  request_.cursor = encode_cursor(forged, world_.live().hash());
  const auto slate = recommender_->recommend(request_);
  ASSERT_TRUE(slate) << slate.error().message;
  EXPECT_EQ(slate->items.size(), 3u);
}

TEST_F(CursorUse, OfAnotherReleaseIsAConflict) {
  const auto newer = world_.trained({"als"});
  const auto slate = newer->recommend(request_);
  ASSERT_FALSE(slate);
  EXPECT_EQ(slate.error().code, Code::kConflict);
  EXPECT_THAT(slate.error().message, HasSubstr("release 1"));
  EXPECT_TRUE(recommender_->recommend(request_));
}

TEST_F(CursorUse, ConsentTakenBackEndsAPersonalList) {
  UserRecord shy;
  shy.id = "user-0";
  shy.personalization = false;
  world_.post_user(shy);
  EXPECT_EQ(refusal().code, Code::kConflict);
  EXPECT_THAT(refusal().message, HasSubstr("user-0"));
}

TEST_F(CursorUse, AFullHistoryLeavesRoomForNewEvents) {
  for (int i = 0; i < 600; ++i) world_.post("like", "busy", RecommendWorld::item_name(i % 5));
  request_ = {.user = "busy", .n = 3};
  const auto first = recommender_->recommend(request_);
  ASSERT_TRUE(first);
  request_.cursor = first->cursor;
  for (int i = 0; i < 100; ++i) world_.post("like", "busy", RecommendWorld::item_name(i % 5));
  EXPECT_TRUE(recommender_->recommend(request_));
  world_.post("like", "busy", "item-6");
  EXPECT_EQ(refusal().code, Code::kConflict);
}

}  // namespace
}  // namespace palate
