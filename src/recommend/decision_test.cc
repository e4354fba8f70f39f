#include "recommend/decision.h"

#include <algorithm>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "events/past_log.h"
#include "recommend/world_for_test.h"

namespace palate {
namespace {

using Json = nlohmann::json;

struct DecisionTest : testing::Test {
  DecisionTest() : DecisionTest(FeatureConfig()) {}
  explicit DecisionTest(const FeatureConfig& features) : world(features) {
    world.decisions = &sink;
    world.plant();
  }

  void declare(const std::string& name, const std::vector<std::string>& stages,
               double deadline_ms = 10'000) {
    ASSERT_TRUE(world.pipelines.declare(
        name, {{"stages", stages}, {"places", int64_t{20}}, {"deadline_ms", deadline_ms}}));
  }

  // A feed with everything in it that draws, decays and counts.
  void declare_all() {
    declare("all", {R"(where expression='category = "fantasy" or category = "history"')",
                    "personal quota=30", "similar quota=20 recent=3", "popular quota=20",
                    "new quota=10 days=36500", "formula score='unit(personal) + popularity'",
                    "calibrate", "dpp strength=0.3 places=10", "newcomers first=3 every=4",
                    "explore temperature=5 to=8 candidates=15"});
  }

  // The answer of a decision, made from a state that is folded anew up to where it was.
  Json again(const DecisionRecord& record) const {
    const PastDecision past = *read_decision(record);
    const PastLog log(world.log(), past.as_of);
    MemoryStore store;
    const auto state = world.folded_anew(log, store);
    Pipelines pipelines;
    const auto declared = pipelines.declare(
        past.pipeline,
        {{"stages", past.stages}, {"places", past.places}, {"deadline_ms", past.deadline_ms}});
    EXPECT_TRUE(declared);
    const auto recommender =
        *Recommender::load({registry(), *state, pipelines}, *registry().get(past.release));
    const auto repeated = recommender->repeat(past);
    EXPECT_TRUE(repeated) << repeated.error().message;
    return Json::parse(repeated->decision.json).at("answer");
  }
  void expect_all_again() const { expect_some_again(logged.size()); }
  // Of so many, evenly.
  void expect_some_again(size_t count) const {
    const size_t step = std::max<size_t>(1, logged.size() / std::max<size_t>(1, count));
    for (size_t i = 0; i < logged.size(); i += step) {
      EXPECT_EQ(again(logged[i]), Json::parse(logged[i].json).at("answer")) << logged[i].json;
    }
  }
  const Registry& registry() const { return world.registry(); }

  mutable RecommendWorld world;
  std::vector<DecisionRecord> logged;
  std::mutex mutex;
  DecisionSink sink{.config = {.share = 1, .candidates = 50},
                    .take = [this](DecisionRecord record) {
                      const std::lock_guard lock(mutex);
                      logged.push_back(std::move(record));
                    }};
};

TEST_F(DecisionTest, IsMadeAgainToTheLastBit) {
  declare_all();
  const auto recommender = world.trained({"als", "popularity"});
  for (uint32_t round = 0; round < 12; ++round) {
    const std::string user = world.user_name(round % 5);
    const auto first = *recommender->recommend({.user = user,
                                                .n = 6,
                                                .exclude = {world.item_name(round)},
                                                .pipeline = "all",
                                                .language = "de",
                                                .explain = 2});
    world.post("like", user, world.item_name(30 + round));
    ASSERT_TRUE(recommender->recommend({.user = user,
                                        .n = 6,
                                        .exclude = {world.item_name(round)},
                                        .pipeline = "all",
                                        .cursor = first.cursor}));
    ASSERT_TRUE(recommender->recommend({.user = user, .filter = "category = \"history\""}));
    world.post_items({world.item(200 + round)});
  }
  ASSERT_TRUE(recommender->recommend({}));
  ASSERT_TRUE(recommender->recommend({.user = "nobody", .pipeline = "feed"}));
  ASSERT_TRUE(recommender->similar({.item = world.item_name(3), .n = 7, .language = "de"}));
  ASSERT_TRUE(recommender->rank({.user = world.user_name(2),
                                 .items = {world.item_name(9), "nothing", world.item_name(33)},
                                 .explain = 2,
                                 .diversity = 0.3,
                                 .diversifier = "mmr"}));
  ASSERT_TRUE(recommender->onboarding({.user = world.user_name(4), .n = 8}));
  ASSERT_EQ(logged.size(), 41u);
  expect_all_again();
}

struct CountedDecisionTest : DecisionTest {
  CountedDecisionTest() : DecisionTest(everything(10)) {}
};

// What is posted meanwhile must not be in an answer by half.
TEST_F(CountedDecisionTest, IsMadeAgainHoweverMuchComesInMeanwhile) {
  declare("counted", {"personal quota=30", "popular quota=30", "trending quota=20",
                      "formula score='unit(personal) + log1p(popularity) + "
                      "feature.item_rate:like:1d'"});
  const auto recommender = world.trained({"als", "popularity"});
  std::jthread poster([&](const std::stop_token& stop) {
    for (uint32_t i = 0; !stop.stop_requested(); ++i) {
      const std::string user = world.user_name(i % 7), item = world.item_name(i % 40);
      world.post_all(std::vector<EventView>(5, world.event("like", user, item)));
      if (i % 16 == 0) world.post_items({world.item(100 + i % 20)});
    }
  });
  const std::vector<RecommendRequest> together(
      4, {.user = world.user_name(1), .n = 5, .pipeline = "plain"});
  // Until answers and events have often taken turns.
  std::set<std::string> moments;
  for (uint32_t i = 0; i < 100'000 && moments.size() < 100; ++i) {
    const auto slate =
        recommender->recommend({.user = world.user_name(i % 7), .pipeline = "counted"});
    EXPECT_TRUE(slate);
    moments.insert(to_string(slate->as_of));
    if (i % 8 != 0) continue;
    EXPECT_TRUE(recommender->recommend_together(together).front());
  }
  poster.request_stop();
  poster.join();
  EXPECT_EQ(moments.size(), 100u);
  expect_some_again(100);
}

TEST_F(DecisionTest, LeavesOutAgainWhatWasLeftOut) {
  declare("hurried", {"popular quota=20", "formula score='popularity'", "dpp"}, 1e-6);
  declare("broken", {"popular quota=20", "trending", "formula score='model.nothing'", "dpp"});
  const auto recommender = world.trained({"als", "popularity"});
  for (const char* pipeline : {"hurried", "broken"}) {
    ASSERT_TRUE(recommender->recommend({.user = world.user_name(1), .pipeline = pipeline}));
  }
  ASSERT_EQ(logged.size(), 2u);
  EXPECT_EQ(Json::parse(logged[0].json)["answer"]["level"], "retrieved");
  EXPECT_THAT(logged[1].json, testing::HasSubstr("failed: "));
  expect_all_again();
  // The record decides, not the clock: with stages that all ran it is another answer.
  auto unhurried = *read_decision(logged[0]);
  unhurried.moment.stages.clear();
  const auto again = recommender->repeat(unhurried);
  EXPECT_EQ(again->slate.level, "full");
}

TEST_F(DecisionTest, SaysWhatItWasChosenFrom) {
  declare_all();
  sink.config.candidates = 20;
  const auto recommender = world.trained({"als", "popularity"});
  const auto slate = *recommender->recommend({.user = world.user_name(3), .pipeline = "all"});
  EXPECT_TRUE(slate.trace.empty()) << "nobody asked for it";
  EXPECT_TRUE(slate.items.front().places.empty());
  ASSERT_EQ(logged.size(), 1u);
  const Json json = Json::parse(logged[0].json);
  EXPECT_EQ(json["request_id"], slate.request_id);
  EXPECT_EQ(json["as_of"], to_string(slate.as_of));
  EXPECT_EQ(json["models"], Json({{"als", "000001"}, {"popularity", "000001"}}));
  EXPECT_EQ(json["stages"].size(), 10u);
  EXPECT_EQ(json["stages"][0]["state"], "ran");
  EXPECT_EQ(json["steps_us"].size(), 7u);
  const Json& candidates = json["candidates"];
  EXPECT_EQ(candidates["items"].size(), 20u);
  EXPECT_EQ(candidates["items"].size(), candidates["scores"].size());
  EXPECT_EQ(candidates["items"].size(), candidates["sources"].size());
  EXPECT_EQ(candidates["items"].size(), candidates["retrieval"].size());
  ASSERT_EQ(json["answer"]["items"].size(), slate.items.size());
  for (size_t i = 0; i < slate.items.size(); ++i) {
    const Json& item = json["answer"]["items"][i];
    EXPECT_EQ(item["item"], slate.items[i].item);
    EXPECT_EQ(item["score"].get<float>(), slate.items[i].score);
    EXPECT_EQ(item["propensity"].get<float>(), slate.items[i].propensity);
  }
}

TEST_F(DecisionTest, IsOneOfTheShare) {
  sink.config.share = 0;
  const auto recommender = world.trained({"popularity"});
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(recommender->recommend({}));
  EXPECT_TRUE(logged.empty());
  sink.config.share = 0.5;
  for (int i = 0; i < 200; ++i) {
    const auto slate = *recommender->recommend({});
    EXPECT_EQ(is_drawn(slate.request_id, 0.5),
              !logged.empty() && logged.back().id == slate.request_id);
  }
  // 200 draws of one half: outside of 60 to 140 with a chance below 1e-8.
  EXPECT_GT(logged.size(), 60u);
  EXPECT_LT(logged.size(), 140u);
}

TEST(Decision, WhatIsDamagedIsNamed) {
  const auto read =
      read_decision({.id = "a", .user = "", .made = {5}, .json = R"({"request_id":"a","made":5})"});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kCorrupt);
  EXPECT_THAT(read.error().message, testing::HasSubstr("pipeline"));
}

}  // namespace
}  // namespace palate
