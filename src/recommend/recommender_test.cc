#include "recommend/recommender.h"

#include <algorithm>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recommend/cursor.h"
#include "recommend/explanation.h"
#include "recommend/world_for_test.h"

namespace palate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<std::string> names(const Slate& slate) {
  std::vector<std::string> items;
  for (const auto& item : slate.items) items.push_back(item.item);
  return items;
}

uint32_t group_of(const RecommendedItem& item) { return PlantedWorld::group_of_item(item.ix); }

class RecommenderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.plant();
    recommender_ = world_.trained({"popularity", "als"});
  }
  Slate answer(const RecommendRequest& request) {
    auto slate = recommender_->recommend(request);
    EXPECT_TRUE(slate) << slate.error().message;
    return slate ? std::move(*slate) : Slate{};
  }
  Error refusal(const RecommendRequest& request) {
    auto slate = recommender_->recommend(request);
    EXPECT_FALSE(slate);
    return slate ? Error{} : slate.error();
  }

  RecommendWorld world_;
  std::shared_ptr<const Recommender> recommender_;
};

TEST_F(RecommenderTest, APersonalAnswerKeepsToTheTaste) {
  for (uint32_t user : {0, 1, 2, 3}) {
    const Slate slate = answer({.user = RecommendWorld::user_name(user), .n = 5});
    EXPECT_TRUE(slate.personalized);
    EXPECT_TRUE(slate.known_user);
    EXPECT_EQ(slate.why, "");
    EXPECT_EQ(slate.source, "als");
    EXPECT_EQ(slate.version, "000001");
    EXPECT_EQ(slate.release, 1u);
    ASSERT_EQ(slate.items.size(), 5u);
    for (const auto& item : slate.items) {
      EXPECT_EQ(group_of(item), user % 2) << item.item;
      EXPECT_EQ(item.source, "als");
    }
  }
}

TEST_F(RecommenderTest, TogetherAndOneByOneAreTheSame) {
  // But for the moment at which it was made.
  const auto cursor_of = [&](const Slate& slate) {
    if (slate.cursor.empty()) return Cursor{};
    Cursor cursor = *decode_cursor(slate.cursor, world_.live().hash(), now());
    cursor.made = {};
    return cursor;
  };
  const std::string page = answer({.user = "user-1", .n = 3}).cursor;
  const std::vector<RecommendRequest> requests{
      {.user = "user-0", .n = 5},
      {.user = "somebody", .n = 4},
      {.user = "user-1", .n = 200},
      {.user = "user-1", .n = 3, .cursor = page},
      {.user = "user-2", .n = 0},  // refused, without harm to the others
      {.user = "user-3", .n = 7, .categories = {"fantasy"}},
      {.n = 2},
      {.user = "user-2", .n = 6, .include_consumed = true},
  };
  const auto slates = recommender_->recommend_together(requests);
  ASSERT_EQ(slates.size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    const auto alone = recommender_->recommend(requests[i]);
    ASSERT_EQ(slates[i].has_value(), alone.has_value());
    if (!alone) {
      EXPECT_EQ(slates[i].error().message, alone.error().message);
      continue;
    }
    EXPECT_EQ(names(*slates[i]), names(*alone));
    EXPECT_EQ(slates[i]->personalized, alone->personalized);
    EXPECT_EQ(slates[i]->why, alone->why);
    EXPECT_EQ(cursor_of(*slates[i]), cursor_of(*alone));
    for (size_t rank = 0; rank < alone->items.size(); ++rank) {
      EXPECT_EQ(slates[i]->items[rank].score, alone->items[rank].score);
      EXPECT_EQ(slates[i]->items[rank].source, alone->items[rank].source);
    }
  }
  EXPECT_TRUE(recommender_->recommend_together({}).empty());
}

TEST_F(RecommenderTest, TitlesComeInTheLanguageAskedFor) {
  const Slate slate = answer({.user = "user-0", .n = 1, .language = "de"});
  EXPECT_EQ(slate.items[0].title, "Titel " + slate.items[0].item.substr(5));
  EXPECT_EQ(answer({.user = "user-0", .n = 1, .titles = false}).items[0].title, "");
  UserRecord german;
  german.id = "user-0";
  german.language = "de";
  world_.post_user(german);
  EXPECT_THAT(answer({.user = "user-0", .n = 1}).items[0].title, HasSubstr("Titel"));
}

TEST_F(RecommenderTest, SaysWhyItIsNotPersonal) {
  EXPECT_EQ(answer({.user = "somebody"}).why, "unknown user");
  EXPECT_FALSE(answer({.user = "somebody"}).known_user);
  EXPECT_EQ(answer({}).why, "no user");

  UserRecord shy;
  shy.id = "shy";
  world_.post_user(shy);
  const Slate no_history = answer({.user = "shy"});
  EXPECT_EQ(no_history.why, "no history");
  EXPECT_TRUE(no_history.known_user);
  EXPECT_EQ(no_history.source, "popularity");
  EXPECT_EQ(no_history.items.size(), 10u);

  shy.id = "user-0";
  shy.personalization = false;
  world_.post_user(shy);
  EXPECT_EQ(answer({.user = "user-0"}).why, "no consent");
}

TEST_F(RecommenderTest, AnEventIsInTheVeryNextAnswer) {
  ASSERT_EQ(answer({.user = "new"}).why, "unknown user");
  const Position end = world_.post("like", "new", "item-30");
  const Slate slate = answer({.user = "new", .n = 3, .after = {end}});
  EXPECT_TRUE(slate.fresh);
  EXPECT_TRUE(slate.personalized);
  for (const auto& item : slate.items) EXPECT_EQ(group_of(item), 1u);
  EXPECT_THAT(slate.as_of, ::testing::Contains(end));
}

TEST_F(RecommenderTest, WhatTheUserHadDoesNotComeBackUnlessAskedFor) {
  world_.post("like", "user-0", "item-3");
  world_.post("hide", "user-0", "item-4");
  const auto all = names(answer({.user = "user-0", .n = 1000}));
  EXPECT_THAT(all, ::testing::Not(::testing::Contains("item-3")));
  EXPECT_THAT(all, ::testing::Not(::testing::Contains("item-4")));
  const auto again = names(answer({.user = "user-0", .n = 1000, .include_consumed = true}));
  EXPECT_THAT(again, ::testing::IsSupersetOf({"item-3", "item-4"}));
}

TEST_F(RecommenderTest, ExcludedItemsAndOtherCategoriesStayAway) {
  const auto best = names(answer({.user = "user-0", .n = 3}));
  const auto without = names(answer({.user = "user-0", .n = 3, .exclude = {best[0], "no-such"}}));
  EXPECT_EQ(without[0], best[1]);
  const Slate other = answer({.user = "user-0", .n = 1000, .categories = {"history"}});
  EXPECT_EQ(other.items.size(), PlantedWorld::kGroupItems);
  for (const auto& item : other.items) EXPECT_EQ(group_of(item), 1u);
  const Slate both = answer({.n = 1000, .categories = {"history", "fantasy"}});
  EXPECT_EQ(both.items.size(), 2 * PlantedWorld::kGroupItems);
}

TEST_F(RecommenderTest, AFilterHoldsOnEveryPageAndForSimilarItems) {
  RecommendRequest request{.user = "user-0", .n = 4, .filter = "not category = 'fantasy'"};
  std::set<std::string> seen;
  for (;;) {
    const Slate page = answer(request);
    for (const auto& item : page.items) {
      EXPECT_EQ(group_of(item), 1u);
      EXPECT_TRUE(seen.insert(item.item).second) << item.item;
    }
    if (page.cursor.empty()) break;
    request.cursor = page.cursor;
    RecommendRequest other = request;
    other.filter = "category = 'fantasy'";
    EXPECT_THAT(refusal(other).message, testing::HasSubstr("other filters"));
  }
  EXPECT_EQ(seen.size(), PlantedWorld::kGroupItems);
  const auto similar = recommender_->similar({.item = "item-2", .filter = "category = 'history'"});
  ASSERT_TRUE(similar) << similar.error().message;
  for (const auto& item : similar->items) EXPECT_EQ(group_of(item), 1u);
  EXPECT_THAT(refusal({.user = "user-0", .filter = "categry = 'x'"}).message,
              testing::HasSubstr("did you mean 'category'"));
  EXPECT_TRUE(answer({.user = "user-0", .filter = "tag = 'nobody has one'"}).items.empty());
}

TEST_F(RecommenderTest, AnUnknownCategoryIsNamedWithTheNearest) {
  const Error error = refusal({.user = "user-0", .categories = {"fantsy"}});
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message, AllOf(HasSubstr("'fantsy'"), HasSubstr("'fantasy'")));
}

TEST_F(RecommenderTest, HiddenAndExpiredItemsAreGoneAtOnce) {
  const auto best = names(answer({.user = "user-0", .n = 2}));
  ItemRecord first = RecommendWorld::item(static_cast<uint32_t>(std::stoi(best[0].substr(5))));
  first.hidden = true;
  ItemRecord second = RecommendWorld::item(static_cast<uint32_t>(std::stoi(best[1].substr(5))));
  second.expires = {1};
  world_.post_items({first, second});
  const auto left = names(answer({.user = "user-0", .n = 1000}));
  EXPECT_THAT(left, ::testing::Not(::testing::Contains(best[0])));
  EXPECT_THAT(left, ::testing::Not(::testing::Contains(best[1])));
}

TEST_F(RecommenderTest, ANewItemIsThereAtOnceAndTheNewestFirst) {
  world_.post_items({RecommendWorld::item(100), RecommendWorld::item(101)});
  const Slate slate = answer({.user = "user-0", .n = 1000});
  ASSERT_GE(slate.items.size(), 2u);
  const auto& newest = slate.items[slate.items.size() - 2];
  EXPECT_EQ(newest.item, "item-101");
  EXPECT_EQ(newest.source, "catalogue");
  EXPECT_EQ(slate.items.back().item, "item-100");
}

TEST_F(RecommenderTest, APersonalListThatDriesUpGoesOnWithPopularity) {
  // als learns from the first half of the world only, popularity from all of it.
  RecommendWorld world;
  world.plant();
  const Release narrow = world.train({"als"});
  std::vector<ItemRecord> late;
  for (uint32_t i = 50; i < 53; ++i) late.push_back(RecommendWorld::item(i));
  world.post_items(late);
  for (uint32_t i = 50; i < 53; ++i) world.post("like", "late", RecommendWorld::item_name(i));
  recommender_ = world.recommender(world.train({"popularity"}));
  ASSERT_EQ(recommender_->models().size(), narrow.artefacts.size() + 1);

  const Slate slate = answer({.user = "user-0", .n = 1000});
  std::set<std::string> once;
  std::vector<std::string> sources;
  for (const auto& item : slate.items) {
    EXPECT_TRUE(once.insert(item.item).second) << item.item;
    if (sources.empty() || sources.back() != item.source) sources.push_back(item.source);
  }
  EXPECT_THAT(sources, ::testing::ElementsAre("als", "popularity"));
  EXPECT_EQ(slate.items.back().source, "popularity");
  EXPECT_THAT(once, ::testing::IsSupersetOf({"item-50", "item-51", "item-52"}));
}

TEST_F(RecommenderTest, AnExplanationHasThePlaceThatTheItemHas) {
  const Slate whole = answer({.user = "user-0", .n = 1000});
  for (const size_t at : {size_t{0}, size_t{3}, whole.items.size() - 1}) {
    const auto found = recommender_->explain(
        {.item = whole.items[at].item, .request = {.user = "user-0"}, .reasons = 3});
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->place, at + 1);
    EXPECT_EQ(found->of, whole.items.size());
    EXPECT_EQ(found->score, whole.items[at].score);
    EXPECT_EQ(found->source, whole.items[at].source);
    EXPECT_EQ(found->title, whole.items[at].title);
    EXPECT_TRUE(found->dropped.empty());
    EXPECT_EQ(found->reasons.size(), found->source == "als" ? 3u : 0u);
  }
}

TEST_F(RecommenderTest, AnExplanationNamesEveryRuleThatDropsAnItem) {
  ItemRecord gone = RecommendWorld::item(2);
  gone.expires = {now().us - kDayUs};
  world_.post_items({gone});
  world_.post("like", "user-0", "item-2");
  ExplainRequest asked{.item = "item-2",
                       .request = {.user = "user-0",
                                   .exclude = {"item-2"},
                                   .categories = {"history"},
                                   .filter = "category exists and item != 'item-2'"}};
  const auto found = recommender_->explain(asked);
  ASSERT_TRUE(found) << found.error().message;
  std::vector<std::string> by;
  for (const auto& dropped : found->dropped) by.push_back(dropped.by);
  EXPECT_EQ(by, (std::vector<std::string>{"consumed", "excluded", "unavailable", "categories",
                                          "filter"}));
  EXPECT_THAT(found->dropped[2].why, HasSubstr("expired at"));
  EXPECT_THAT(found->dropped[4].why, HasSubstr("item != \"item-2\""));
  // The place it would have, were it not for those.
  asked.request = {.user = "user-0", .include_consumed = true};
  world_.post_items({RecommendWorld::item(2)});
  const auto kept = recommender_->explain(asked);
  EXPECT_TRUE(kept->dropped.empty());
  EXPECT_GT(kept->of, PlantedWorld::kGroupItems);
  EXPECT_EQ(recommender_->explain({.item = "no such"}).error().code, Code::kNotFound);
  EXPECT_EQ(recommender_->explain({.item = "item-1", .reasons = 99}).error().code,
            Code::kInvalidArgument);
}

TEST_F(RecommenderTest, CandidatesOfSomebodyElseAreRankedAsInTheList) {
  const Slate whole = answer({.user = "user-0", .n = 1000, .include_consumed = true});
  world_.post_items({RecommendWorld::item(999)});
  RankRequest request{.user = "user-0", .items = {"item-999", "nobody's"}, .explain = 2};
  for (size_t i = whole.items.size(); i-- > 0;) request.items.push_back(whole.items[i].item);
  request.items.push_back("item-999");
  const auto ranked = recommender_->rank(request);
  ASSERT_TRUE(ranked) << ranked.error().message;
  EXPECT_EQ(ranked->unknown, std::vector<std::string>{"nobody's"});
  auto expected = names(whole);
  expected.push_back("item-999");
  const auto got = names(ranked->slate);
  EXPECT_THAT(got, testing::UnorderedElementsAreArray(expected)) << "none is dropped";
  EXPECT_EQ(got.back(), "item-999");
  for (size_t i = 1; i < got.size(); ++i) {
    const auto &a = ranked->slate.items[i - 1], &b = ranked->slate.items[i];
    EXPECT_TRUE(a.source != b.source || a.score >= b.score);
  }
  EXPECT_EQ(got.front(), whole.items.front().item);
  EXPECT_EQ(ranked->slate.items.front().reasons.size(), 2u);
  EXPECT_EQ(recommender_->rank({}).error().code, Code::kInvalidArgument);
  // With variety both groups of the world come early.
  const auto groups_of_ten = [&](const RankRequest& asked) {
    std::set<uint32_t> groups;
    const auto answer = recommender_->rank(asked);
    for (size_t i = 0; i < 10; ++i) groups.insert(group_of(answer->slate.items[i]));
    return groups.size();
  };
  EXPECT_EQ(groups_of_ten(request), 1u);
  for (const char* by : {"dpp", "mmr"}) {
    request.diversity = 0.9;
    request.diversifier = by;
    EXPECT_EQ(groups_of_ten(request), 2u) << by;
    EXPECT_EQ(recommender_->rank(request)->slate.items.size(), expected.size());
  }
  request.diversity = -1;
  EXPECT_EQ(recommender_->rank(request).error().code, Code::kInvalidArgument);
  const auto stranger = recommender_->rank({.items = {"item-3", "item-4"}});
  EXPECT_EQ(stranger->slate.items.front().source, "popularity");
}

TEST_F(RecommenderTest, ReasonsNameWhatTheUserHad) {
  const Slate slate = answer({.user = "user-0", .n = 3, .explain = 2});
  for (const auto& item : slate.items) {
    ASSERT_FALSE(item.reasons.empty());
    EXPECT_LE(item.reasons.size(), 2u);
    for (const auto& reason : item.reasons) EXPECT_THAT(reason.title, HasSubstr("Title"));
  }
  const Slate nobody = answer({.n = 1, .explain = 2});
  EXPECT_TRUE(nobody.items[0].reasons.empty());
}

TEST_F(RecommenderTest, LimitsAreSaid) {
  EXPECT_EQ(refusal({.n = 0}).code, Code::kInvalidArgument);
  EXPECT_EQ(refusal({.n = kItemsPerPageMax + 1}).code, Code::kInvalidArgument);
  EXPECT_EQ(refusal({.exclude = std::vector<std::string>(kExcludedMax + 1)}).code,
            Code::kInvalidArgument);
  EXPECT_EQ(refusal({.explain = kReasonsMax + 1}).code, Code::kInvalidArgument);
}

TEST_F(RecommenderTest, AfterWaitsForStateOrSaysSo) {
  const Position ahead = [&] {
    Position end = world_.post("like", "user-2", "item-5");
    ++end.offset;
    return end;
  }();
  EXPECT_FALSE(answer({.user = "user-2", .after = {ahead}, .deadline_us = 1000}).fresh);
  std::jthread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    world_.post("like", "user-2", "item-6");
  });
  const Slate slate = answer({.user = "user-2", .after = {ahead}, .deadline_us = 10'000'000});
  EXPECT_TRUE(slate.fresh);
  EXPECT_THAT(slate.as_of, ::testing::Contains(ahead));
}

TEST_F(RecommenderTest, ThreadsGetTheSameAnswersAndDistinctIds) {
  const auto expected = names(answer({.user = "user-7", .n = 20}));
  std::mutex mutex;
  std::set<std::string> ids;
  int wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          const auto slate = recommender_->recommend({.user = "user-7", .n = 20});
          const std::lock_guard lock(mutex);
          wrong += !slate || names(*slate) != expected;
          if (slate) ids.insert(slate->request_id);
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(ids.size(), 200u);
  EXPECT_THAT(*ids.begin(), ::testing::SizeIs(32));
}

TEST_F(RecommenderTest, StepsAreTimed) {
  (void)answer({.user = "user-0"});
  const auto timings = recommender_->step_timings();
  ASSERT_EQ(timings.size(), 7u);
  for (const auto& timing : timings) EXPECT_EQ(timing.calls, 1u) << timing.name;
  EXPECT_EQ(timings[5].name, "rank");
  EXPECT_GT(timings[5].total_ns, 0u);
}

TEST_F(RecommenderTest, SimilarItemsAreOfTheSameKind) {
  const auto slate = recommender_->similar({.item = "item-2", .n = 5});
  ASSERT_TRUE(slate) << slate.error().message;
  ASSERT_EQ(slate->items.size(), 5u);
  for (const auto& item : slate->items) {
    EXPECT_EQ(group_of(item), 0u);
    EXPECT_NE(item.item, "item-2");
  }
  const auto without = recommender_->similar(
      {.item = "item-2", .n = 5, .exclude = {slate->items[0].item}, .categories = {"fantasy"}});
  ASSERT_TRUE(without);
  EXPECT_EQ(without->items[0].item, slate->items[1].item);
}

TEST_F(RecommenderTest, SimilarSaysWhatIsWrong) {
  EXPECT_EQ(recommender_->similar({.item = "item-nope"}).error().code, Code::kNotFound);
  EXPECT_EQ(recommender_->similar({.item = "item-2", .n = 0}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(recommender_->similar({.item = "item-2", .categories = {"x"}}).error().code,
            Code::kInvalidArgument);
  world_.post_items({RecommendWorld::item(100)});
  const auto fresh = recommender_->similar({.item = "item-100"});
  ASSERT_FALSE(fresh);
  EXPECT_EQ(fresh.error().code, Code::kNotFound);
  EXPECT_THAT(fresh.error().message, HasSubstr("palate train"));

  RecommendWorld plain;
  plain.plant();
  const auto none = plain.trained({"popularity"})->similar({.item = "item-2"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kUnavailable);
}

TEST(RecommenderWithOneModel, PopularityAloneServesEverybody) {
  RecommendWorld world;
  world.plant();
  const auto recommender = world.trained({"popularity"});
  const auto slate = recommender->recommend({.user = "user-0"});
  ASSERT_TRUE(slate) << slate.error().message;
  EXPECT_EQ(slate->why, "no personal model");
  EXPECT_EQ(slate->items.size(), 10u);
}

}  // namespace
}  // namespace palate
