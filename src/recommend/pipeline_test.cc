#include "recommend/pipeline.h"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recommend/explanation.h"
#include "recommend/world_for_test.h"

namespace palate {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Stages = std::vector<std::string>;

std::string refusal(const Stages& stages) {
  Pipelines pipelines;
  const auto declared = pipelines.declare("test", {{"stages", stages}});
  EXPECT_FALSE(declared);
  return declared ? "" : declared.error().message;
}

TEST(Pipelines, AreThereWithoutConfiguration) {
  const Pipelines pipelines;
  EXPECT_TRUE((*pipelines.find("plain"))->plain());
  EXPECT_FALSE((*pipelines.find("feed"))->plain());
  const auto unknown = pipelines.find("fed");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("did you mean 'feed'"));
}

TEST(Pipelines, ErrorsSayWhatIsWrongAndWhere) {
  EXPECT_THAT(refusal({"personal", "dpq"}),
              AllOf(HasSubstr("stage 2 ('dpq')"), HasSubstr("did you mean 'dpp'")));
  EXPECT_THAT(refusal({"personal quotta=3"}), HasSubstr("personal.quota"));
  EXPECT_THAT(refusal({"personal quota=0"}), HasSubstr("between 1 and 10000"));
  EXPECT_THAT(refusal({"personal quota=1e9"}), HasSubstr("quota"));
  EXPECT_THAT(refusal({"personal weight=-1"}), HasSubstr("between 0 and 1000"));
  EXPECT_THAT(refusal({"personal weight=nan"}), HasSubstr("weight"));
  EXPECT_THAT(refusal({"personal quota=1 quota=2"}), HasSubstr("'quota' is given twice"));
  EXPECT_THAT(refusal({"personal quota"}), HasSubstr("key=value"));
  EXPECT_THAT(refusal({"where expression='category = "}), HasSubstr("does not end with it"));
  EXPECT_THAT(refusal({"where expression='categori = \"x\"'"}), HasSubstr("did you mean"));
  EXPECT_THAT(refusal({"personal", "formula score='unit(persnal)'"}),
              HasSubstr("did you mean 'personal'"));
  EXPECT_THAT(refusal({"dpp", "personal"}), HasSubstr("first come filters"));
  EXPECT_THAT(refusal({"dpp"}), HasSubstr("no stage proposes items"));
  EXPECT_THAT(refusal({"personal", "spread by=color"}), HasSubstr("creator, category"));
  EXPECT_THAT(refusal({"personal", "pin items=a places=1,2"}), HasSubstr("1 items and 2 places"));
  EXPECT_THAT(refusal({"personal", "pin items=a,b places=1,1"}), HasSubstr("each once"));
  EXPECT_THAT(refusal({"personal", "explore from=5 to=4"}), HasSubstr("explore"));
  EXPECT_THAT(refusal(Stages(33, "personal")), HasSubstr("at most 32"));
  EXPECT_THAT(refusal({""}), HasSubstr("begins with its kind"));
}

TEST(Pipelines, KeysAreChecked) {
  Pipelines pipelines;
  EXPECT_FALSE(pipelines.declare("a b", {}));
  EXPECT_FALSE(pipelines.declare("x", {{"places", int64_t{0}}}));
  EXPECT_FALSE(pipelines.declare("x", {{"places", int64_t{501}}}));
  EXPECT_FALSE(pipelines.declare("x", {{"deadline_ms", std::numeric_limits<double>::quiet_NaN()}}));
  EXPECT_FALSE(pipelines.declare("x", {{"stages", std::string("personal")}}));
  const auto unknown = pipelines.declare("x", {{"stage", Stages{}}});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("did you mean 'stages'"));
}

// 60 users of two tastes, 48 items of two categories; four creators that both have.
class PipelineTest : public ::testing::Test {
 protected:
  explicit PipelineTest(const FeatureConfig& features = {}) : world_(features) {
    std::vector<ItemRecord> items;
    for (uint32_t i = 0; i < 2 * PlantedWorld::kGroupItems; ++i) {
      ItemRecord item = RecommendWorld::item(i);
      item.creator = fmt::format("creator-{}", i % 4);
      item.attributes["min_age"] = i % 3 == 0 ? "18" : "6";
      item.attributes["duration_s"] = "100";
      item.languages = {i % 2 == 0 ? "en" : "de"};
      items.push_back(item);
    }
    world_.post_items(items);
    world_.plant();
    world_.post_items(items);  // plant() posts plainer ones
    release_ = world_.train({"als", "popularity"});
  }
  void declare(const Stages& stages, int64_t places = 40, double deadline_ms = 10'000) {
    const auto declared = world_.pipelines.declare(
        "test", {{"stages", stages}, {"places", places}, {"deadline_ms", deadline_ms}});
    ASSERT_TRUE(declared) << declared.error().message;
    recommender_ = world_.recommender(release_);
  }
  Slate answer(RecommendRequest request) {
    if (request.pipeline.empty()) request.pipeline = "test";
    request.trace = true;
    auto slate = recommender_->recommend(request);
    EXPECT_TRUE(slate) << (slate ? "" : slate.error().message);
    return slate ? std::move(*slate) : Slate{};
  }
  template <class T>
  void describe(const std::string& id, T UserRecord::* field,
                const std::type_identity_t<T>& value) {
    UserRecord user;
    user.id = id;
    user.*field = value;
    world_.post_user(user);
  }
  static std::vector<std::string> names(const Slate& slate) {
    std::vector<std::string> names;
    for (const auto& item : slate.items) names.push_back(item.item);
    return names;
  }
  const ItemRecord& record(const RecommendedItem& item) {
    return world_.live().catalogue().view().record(item.ix);
  }
  std::vector<std::string> all_pages(RecommendRequest request) {
    std::vector<std::string> all;
    for (int page = 0; page < 200; ++page) {
      const Slate slate = answer(request);
      for (const auto& name : names(slate)) all.push_back(name);
      request.cursor = slate.cursor;
      if (slate.cursor.empty()) return all;
    }
    ADD_FAILURE() << "pages never end";
    return all;
  }

  RecommendWorld world_;
  Release release_;
  std::shared_ptr<const Recommender> recommender_;
};

TEST_F(PipelineTest, OneSourceAloneGivesThatSourcesOrder) {
  declare({"personal quota=30"});
  const RecommendRequest request{.user = "user-0", .n = 10};
  RecommendRequest plain = request;
  plain.pipeline = "plain";
  const Slate slate = answer(request);
  EXPECT_EQ(names(slate), names(answer(plain)));
  EXPECT_EQ(slate.pipeline, "test");
  EXPECT_EQ(slate.level, "full");
  EXPECT_THAT(slate.items[0].proposed_by, ElementsAre("personal"));
  EXPECT_EQ(slate.items[0].source, "personal");
}

TEST_F(PipelineTest, PagesReachEveryAllowedItemOnce) {
  for (const Stages& stages : std::vector<Stages>{
           {"personal quota=5"},
           {"popular quota=20", "new quota=10", "dpp strength=0.5"},
           {"personal", "similar", "new", "spread by=category max=3 distance=2"},
           {"personal", "explore temperature=1 to=20", "pin items=item-1,item-40 places=2,9"}}) {
    SCOPED_TRACE(stages.back());
    declare(stages, 12);
    for (const std::string user : {"user-0", "user-1", "somebody new"}) {
      const auto all = all_pages({.user = user, .n = 5});
      EXPECT_EQ(std::set(all.begin(), all.end()).size(), all.size()) << "an item came twice";
      const auto plain = all_pages({.user = user, .n = 5, .pipeline = "plain"});
      EXPECT_EQ(std::set(all.begin(), all.end()), std::set(plain.begin(), plain.end()));
    }
  }
}

TEST_F(PipelineTest, PagesOfAHeadStayAsTheyWereMade) {
  declare({"popular", "formula score='popularity'", "explore temperature=1 to=40"});
  Slate slate = answer({.user = "user-0", .n = 10});
  std::vector<std::string> all = names(slate);
  // What is popular changes between the pages; a list that was made anew would repeat or leave out.
  for (int page = 0; page < 2; ++page) {
    for (int i = 0; i < 200; ++i) {
      world_.post("like", fmt::format("fan-{}", i), RecommendWorld::item_name(i % 7));
    }
    slate = answer({.user = "user-0", .n = 10, .cursor = slate.cursor});
    for (const auto& name : names(slate)) all.push_back(name);
  }
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), 30u);
}

TEST_F(PipelineTest, WhatWasHadSinceTheFirstPageDoesNotCome) {
  declare({"personal"});
  const Slate first = answer({.user = "user-0", .n = 5});
  const auto rest = all_pages({.user = "user-0", .n = 5, .cursor = first.cursor});
  world_.post("like", "user-0", rest[2]);
  const auto left = all_pages({.user = "user-0", .n = 5, .cursor = first.cursor});
  EXPECT_THAT(left, Not(Contains(rest[2])));
  EXPECT_EQ(left.size(), rest.size() - 1);
}

TEST_F(PipelineTest, ACursorBelongsToItsPipeline) {
  declare({"personal"});
  const Slate first = answer({.user = "user-0", .n = 5});
  const auto other = recommender_->recommend(
      {.user = "user-0", .n = 5, .pipeline = "feed", .cursor = first.cursor});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kInvalidArgument);
  EXPECT_THAT(other.error().message, HasSubstr("pipeline"));
}

TEST_F(PipelineTest, FiltersHoldOnEveryPage) {
  declare({"where expression='category = \"history\"'", "personal quota=5"}, 3);
  for (const auto& name : all_pages({.user = "user-0", .n = 4})) {
    EXPECT_GE(std::stoi(name.substr(5)), static_cast<int>(PlantedWorld::kGroupItems)) << name;
  }
}

TEST_F(PipelineTest, MaturityAsksTheAge) {
  declare({"maturity unknown=0", "personal"});
  describe("user-0", &UserRecord::age_band, "13-17");
  describe("user-2", &UserRecord::age_band, "25-34");
  const auto young = all_pages({.user = "user-0", .n = 50});
  EXPECT_FALSE(young.empty());
  for (const auto& name : young) EXPECT_NE(std::stoi(name.substr(5)) % 3, 0) << name;
  EXPECT_THAT(
      all_pages({.user = "user-2", .n = 50}),
      Contains(testing::ResultOf([](const auto& n) { return std::stoi(n.substr(5)) % 3; }, 0)));
  for (const auto& name : all_pages({.n = 50})) EXPECT_NE(std::stoi(name.substr(5)), 18) << name;
}

TEST_F(PipelineTest, LanguagesAreTheUsersAndThoseForAll) {
  declare({"languages", "popular"});
  describe("user-0", &UserRecord::language, "de");
  for (const auto& name : all_pages({.user = "user-0", .n = 50})) {
    EXPECT_EQ(std::stoi(name.substr(5)) % 2, 1) << name;
  }
  declare({"languages also=en", "popular"});
  EXPECT_THAT(all_pages({.user = "user-0", .n = 50}), Contains("item-24"));
}

TEST_F(PipelineTest, SeenMayBeOfCertainTypes) {
  world_.post("like", "user-0", "item-40");
  world_.post("dislike", "user-0", "item-41");
  declare({"seen types=dislike", "popular"});
  const auto all = all_pages({.user = "user-0", .n = 50});
  EXPECT_THAT(all, Contains("item-40"));
  EXPECT_THAT(all, Not(Contains("item-41")));
}

TEST_F(PipelineTest, AFormulaOrders) {
  declare({"personal", "formula score='-personal'"});
  const auto all = names(answer({.user = "user-0", .n = 8}));
  declare({"personal", "formula score='personal + 0 * attribute.min_age'"});
  auto best = names(answer({.user = "user-0", .n = 40}));
  ASSERT_GE(best.size(), 8u);
  declare({"personal"});
  const auto plain = names(answer({.user = "user-0", .n = 40}));
  EXPECT_EQ(std::vector(best.begin(), best.begin() + 8),
            std::vector(plain.begin(), plain.begin() + 8));
  EXPECT_NE(all.front(), best.front());
}

TEST_F(PipelineTest, AStageThatFailsIsLeftOutAndSaidSo) {
  declare({"personal", "trending", "newcomers"});
  const Slate slate = answer({.user = "user-0", .n = 5});
  EXPECT_THAT(slate.items, SizeIs(5));
  ASSERT_THAT(slate.trace, SizeIs(3));
  EXPECT_EQ(slate.trace[0].state, "ran");
  EXPECT_THAT(slate.trace[1].state, AllOf(HasSubstr("failed"), HasSubstr("counters")));
  EXPECT_THAT(slate.trace[2].state, HasSubstr("failed"));
  uint64_t failures = 0;
  for (const StageReport& report : world_.pipelines.stage_reports()) failures += report.failures;
  EXPECT_EQ(failures, 2u);
}

TEST_F(PipelineTest, WhatTheTimeIsNotEnoughForIsLeftOut) {
  declare({"personal", "popular", "formula score='popularity'", "dpp"}, 40, 1e-6);
  const Slate slate = answer({.user = "user-0", .n = 5});
  EXPECT_EQ(slate.level, "retrieved");
  EXPECT_THAT(slate.items, SizeIs(5));
  EXPECT_EQ(slate.trace[0].state, "ran");
  for (size_t i = 1; i < 4; ++i) EXPECT_THAT(slate.trace[i].state, HasSubstr("skipped"));
}

TEST_F(PipelineTest, WithoutCandidatesTheModelsListsAnswer) {
  declare({"creators liked=0", "dpp"});
  const Slate slate = answer({.user = "user-0", .n = 5});
  EXPECT_EQ(slate.level, "plain");
  EXPECT_EQ(names(slate), names(answer({.user = "user-0", .n = 5, .pipeline = "plain"})));
  EXPECT_THAT(all_pages({.user = "user-0", .n = 7}), Not(IsEmpty()));
}

TEST_F(PipelineTest, AllFilteredIsAnEmptyList) {
  declare({"where expression='category = \"history\" and category = \"fantasy\"'", "personal"});
  const Slate slate = answer({.user = "user-0", .n = 5});
  EXPECT_THAT(slate.items, IsEmpty());
  EXPECT_EQ(slate.cursor, "");
}

TEST_F(PipelineTest, PinsStandWhereTheyAreTold) {
  declare({"personal", "pin items=item-30,item-31,nothing places=3,1,2"});
  const Slate slate = answer({.user = "user-0", .n = 6});
  EXPECT_EQ(slate.items[0].item, "item-31");
  EXPECT_EQ(slate.items[2].item, "item-30");
  EXPECT_THAT(slate.items[2].proposed_by, Contains("pin"));
  EXPECT_THAT(slate.trace.back().note, HasSubstr("nothing"));
}

TEST_F(PipelineTest, WhatIsPaidForIsSaidSoOnEveryPage) {
  declare({"popular", "pin items=item-30,item-31 places=2,4 sponsored=true", "pin items=item-32"});
  RecommendRequest request{.user = "user-0", .n = 3};
  std::vector<std::string> sponsored;
  for (int page = 0; page < 3; ++page) {
    const Slate slate = answer(request);
    for (const auto& item : slate.items) {
      if (item.sponsored) sponsored.push_back(item.item);
    }
    request.cursor = slate.cursor;
  }
  EXPECT_THAT(sponsored, ElementsAre("item-30", "item-31"));
}

TEST_F(PipelineTest, TrendsOfARegionNeedTheirCounts) {
  declare({"trending by=region", "popular"});
  const Slate slate = answer({.user = "user-0"});
  EXPECT_THAT(slate.trace[0].state, HasSubstr("failed"));
}

TEST_F(PipelineTest, ACapNeedsImpressionsThatAreKept) {
  declare({"cap", "popular"});
  const auto slate = recommender_->recommend({.user = "user-0", .pipeline = "test"});
  ASSERT_FALSE(slate);
  EXPECT_EQ(slate.error().code, Code::kUnavailable);
  EXPECT_THAT(slate.error().message, HasSubstr("set [features] shown"));
}

TEST_F(PipelineTest, APinThatIsExcludedStaysAway) {
  declare({"personal", "pin items=item-30"});
  const Slate slate = answer({.user = "user-0", .n = 40, .exclude = {"item-30"}});
  EXPECT_THAT(names(slate), Not(Contains("item-30")));
  EXPECT_THAT(slate.trace.back().note, HasSubstr("item-30"));
}

TEST_F(PipelineTest, SpreadKeepsToItsNumbers) {
  declare({"personal quota=100", "popular", "spread by=creator max=3 distance=2"});
  const Slate slate = answer({.user = "user-0", .n = 12});
  std::map<std::string, int> met;
  for (size_t i = 0; i < slate.items.size(); ++i) {
    const std::string& creator = record(slate.items[i]).creator;
    EXPECT_LE(++met[creator], 3) << creator;
    if (i == 0 || i >= 8)
      continue;  // where two creators have given all they may, nothing else is left
    EXPECT_NE(creator, record(slate.items[i - 1]).creator) << "place " << i + 1;
  }
}

TEST_F(PipelineTest, DiversityMixesCategories) {
  const auto in_history = [&](const Slate& slate) {
    return std::ranges::count_if(slate.items, [&](const auto& item) {
      return record(item).categories.front() == "history";
    });
  };
  declare({"personal quota=100"});
  const auto before = in_history(answer({.user = "user-0", .n = 10}));
  for (const char* by : {"dpp strength=0.9", "mmr strength=0.9"}) {
    declare({"personal quota=100", by});
    EXPECT_GT(in_history(answer({.user = "user-0", .n = 10})), before) << by;
  }
}

TEST_F(PipelineTest, CalibrationFollowsTheMixOfTheHistory) {
  // user-0 likes fantasy; one who also likes some history gets some.
  for (int i = 0; i < 4; ++i) world_.post("like", "user-0", RecommendWorld::item_name(24 + i));
  const auto in_history = [&](const Slate& slate) {
    return std::ranges::count_if(slate.items, [&](const auto& item) {
      return record(item).categories.front() == "history";
    });
  };
  declare({"personal quota=100", "calibrate strength=0.99 places=12"});
  const Slate slate = answer({.user = "user-0", .n = 12});
  const auto state = world_.live().user("user-0");
  ASSERT_TRUE(state && *state);
  double liked = 0, of_history = 0;
  for (const HistoryEntry& entry : (*state)->history) {
    liked += 1;
    of_history += entry.item.value >= PlantedWorld::kGroupItems ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(in_history(slate)) / 12, of_history / liked, 1.0 / 12);
}

TEST_F(PipelineTest, ExposureHoldsInEveryBeginning) {
  declare({"personal quota=100", "popular", "exposure where='creator = \"creator-2\"' min=0.3"});
  const Slate slate = answer({.user = "user-0", .n = 12});
  double given = 0, all = 0;
  for (size_t i = 0; i < slate.items.size(); ++i) {
    const double weight = 1 / std::log2(static_cast<double>(i) + 2);
    all += weight;
    if (record(slate.items[i]).creator == "creator-2") given += weight;
    EXPECT_GE(given, 0.3 * (all - weight)) << "place " << i + 1;
  }
  EXPECT_THAT(slate.trace.back().note, HasSubstr("relevance"));
}

TEST_F(PipelineTest, ExploringDrawsAsOftenAsItSays) {
  declare({"personal quota=5", "explore temperature=0.5 to=2 candidates=5"});
  std::map<std::string, int> first;
  std::map<std::string, double> said;
  constexpr int kDraws = 4000;
  for (int i = 0; i < kDraws; ++i) {
    const Slate slate = answer({.user = "user-0", .n = 2});
    ++first[slate.items[0].item];
    said[slate.items[0].item] = slate.items[0].propensity;
  }
  EXPECT_THAT(said, SizeIs(5));
  double sum = 0;
  for (const auto& [item, propensity] : said) {
    sum += propensity;
    const double deviation = std::sqrt(propensity * (1 - propensity) / kDraws);
    EXPECT_NEAR(first[item] / static_cast<double>(kDraws), propensity, 5 * deviation) << item;
  }
  EXPECT_NEAR(sum, 1, 1e-5);
  for (const StageReport& report : world_.pipelines.stage_reports()) {
    if (report.stage != "explore") continue;
    EXPECT_GT(report.relevance_cost, 0) << "the best was not always first";
    EXPECT_LT(report.relevance_cost, static_cast<double>(report.calls));
  }
}

TEST_F(PipelineTest, UniformExploringKnowsNoScores) {
  declare({"personal quota=8", "explore uniform=true to=8 candidates=8 share=0.5"});
  int explored = 0;
  for (int i = 0; i < 400; ++i) {
    const Slate slate = answer({.user = "user-0", .n = 8});
    if (slate.items[0].propensity == 1) continue;
    ++explored;
    for (size_t place = 0; place < 8; ++place) {
      EXPECT_FLOAT_EQ(slate.items[place].propensity, 1.0f / static_cast<float>(8 - place));
    }
  }
  EXPECT_NEAR(explored, 200, 60);
}

TEST_F(PipelineTest, WhatWasBegunComesAgain) {
  EventView row = world_.event("watch", "user-0", "item-3");
  row.value = 40;
  world_.post_all({row});
  EventView whole = world_.event("watch", "user-0", "item-4");
  whole.value = 99;
  world_.post_all({whole});
  declare({"unfinished days=3650", "popular"});
  const Slate slate = answer({.user = "user-0", .n = 40});
  EXPECT_EQ(slate.items[0].item, "item-3");
  EXPECT_THAT(names(slate), Not(Contains("item-4")));
  // Also on a later page.
  declare({"popular weight=100", "unfinished days=3650"});
  const auto all = all_pages({.user = "user-0", .n = 5});
  EXPECT_THAT(all, Contains("item-3"));
}

TEST_F(PipelineTest, WithoutConsentNothingThatIsKnownDecides) {
  world_.post("like", "user-0", "item-3");
  declare({"personal", "similar", "unfinished", "creators", "popular", "calibrate strength=1"});
  UserRecord user;
  user.id = "user-0";
  user.personalization = false;
  user.attributes["follows"] = "creator-1";
  world_.post_user(user);
  const Slate slate = answer({.user = "user-0", .n = 48, .include_consumed = true});
  EXPECT_EQ(slate.why, "no consent");
  EXPECT_EQ(names(slate), names(answer({.n = 48, .include_consumed = true})));
}

TEST_F(PipelineTest, CreatorsThatAreFollowed) {
  describe("user-0", &UserRecord::attributes, {{"follows", "creator-3, nobody"}});
  declare({"creators liked=0"}, 5);
  const Slate slate = answer({.user = "user-0", .n = 5});
  for (const auto& item : slate.items) EXPECT_EQ(record(item).creator, "creator-3");
}

TEST_F(PipelineTest, TheNewestOfCreatorsThatAreLikedOften) {
  std::map<std::string, int> likes;
  const auto user = world_.live().user(world_.live().hash().user("user-1"));
  ASSERT_TRUE(user && *user);
  std::set<uint32_t> had;
  for (const HistoryEntry& entry : (*user)->history) {
    if (had.insert(entry.item.value).second)
      ++likes[fmt::format("creator-{}", entry.item.value % 4)];
  }
  declare({"creators liked=2 quota=7"}, 7);
  std::vector<std::string> newest;
  for (uint32_t i = 2 * PlantedWorld::kGroupItems; i-- > 0 && newest.size() < 7;) {
    if (likes[fmt::format("creator-{}", i % 4)] >= 2 && !had.contains(i)) {
      newest.push_back(RecommendWorld::item_name(i));
    }
  }
  EXPECT_EQ(names(answer({.user = "user-1", .n = 7})), newest);
}

TEST_F(PipelineTest, AnItemThatChangesIsFilteredAnew) {
  declare({"where expression='category = \"history\"'", "new quota=50"}, 50);
  const auto before = names(answer({.user = "user-0", .n = 20}));
  EXPECT_THAT(before, Contains("item-47"));
  EXPECT_EQ(names(answer({.user = "user-0", .n = 20})), before);
  ItemRecord changed = RecommendWorld::item(47);
  changed.categories = {"poetry"};
  ItemRecord added = RecommendWorld::item(200);
  world_.post_items({changed, added});
  const auto after = names(answer({.user = "user-0", .n = 20}));
  EXPECT_THAT(after, Not(Contains("item-47")));
  EXPECT_THAT(after, Contains("item-200"));
}

TEST_F(PipelineTest, ExplainFollowsAnItemThroughTheStages) {
  declare({"where expression='category = \"fantasy\"'", "personal", "pin items=item-2 places=3"});
  world_.post("hide", "user-0", "item-2");
  const auto hidden =
      recommender_->explain({.item = "item-30", .request = {.user = "user-0", .pipeline = "test"}});
  ASSERT_TRUE(hidden) << hidden.error().message;
  ASSERT_THAT(hidden->dropped, SizeIs(1));
  EXPECT_EQ(hidden->dropped[0].by, "where");
  EXPECT_THAT(hidden->dropped[0].why, HasSubstr("pipeline 'test'"));
  const Slate slate = answer({.user = "user-1", .n = 3});
  const auto second = recommender_->explain(
      {.item = slate.items[1].item, .request = {.user = "user-1", .pipeline = "test"}});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->place, 2u);
  EXPECT_THAT(second->proposed_by, Contains("personal"));
  ASSERT_THAT(second->places, SizeIs(1));
  EXPECT_EQ(second->places[0].place, 2u);
}

class CountingPipelineTest : public PipelineTest {
 protected:
  CountingPipelineTest() : PipelineTest(counting()) {}
  static FeatureConfig counting() {
    FeatureConfig features;
    features.counters = true;
    features.co_views = 20;
    features.shown = 50;
    features.local_trends = true;
    features.segment_key = "plan";
    return features;
  }
  void show(const std::string& user, const std::string& item, double days_ago) {
    EventView row = world_.event("impression", user, item);
    row.ts = row.received = {now().us - static_cast<int64_t>(days_ago * double(kDayUs))};
    world_.post_all({row});
  }
  struct Likes {
    std::string item;
    int people = 0;
    double days_ago = 0;
  };
  void like_from(const std::string& context, const Likes& likes) {
    for (int k = 0; k < likes.people; ++k) {
      const std::string fan = fmt::format("fan-{}-{}", context, k);
      EventView row = world_.event("like", fan, likes.item);
      row.ts = row.received = {now().us - static_cast<int64_t>(likes.days_ago * double(kDayUs))};
      row.context = context;
      world_.post_all({row});
    }
  }
  // Where something else was liked before, so many like the item now.
  void rise(const std::string& context, const std::string& item, int people) {
    like_from(context, {"item-42", 20, 5});
    like_from(context, {item, people, 0});
  }
};

TEST_F(CountingPipelineTest, NewcomersGetTheirPlaces) {
  world_.post_items({RecommendWorld::item(900), RecommendWorld::item(901)});
  for (uint32_t i = 0; i < 48; ++i) {
    for (int k = 0; k < 12; ++k) {
      const std::string fan = fmt::format("fan-{}", k), item = RecommendWorld::item_name(i);
      EventView row = world_.event("impression", fan, item);
      row.ts = row.received = now();
      world_.post_all({row});
    }
  }
  declare({"popular quota=46", "new quota=2", "formula score='-source.new'",
           "newcomers first=2 every=3 shown_max=5"});
  for (const char* user : {"user-0", "somebody new"}) {
    const Slate slate = answer({.user = user, .n = 8});
    const std::set<std::string> fresh{slate.items[1].item, slate.items[4].item};
    EXPECT_EQ(fresh, (std::set<std::string>{"item-900", "item-901"})) << user;
  }
}

TEST_F(CountingPipelineTest, WhatIsShownAndLeftAloneStaysAwayForAWhile) {
  declare({"cap times=3 days=7", "popular"});
  const std::string often = "item-30", seldom = "item-31", once = "item-32", acted = "item-33";
  for (int i = 0; i < 3; ++i) {
    for (const auto& item : {often, acted}) show("user-0", item, 1);
    show("user-0", once, 8);  // too long ago
  }
  for (int i = 0; i < 2; ++i) show("user-0", seldom, 1);
  world_.post("hide", "user-0", acted);
  const auto all = all_pages({.user = "user-0", .n = 40, .include_consumed = true});
  EXPECT_THAT(all, Not(Contains(often)));
  EXPECT_THAT(all, AllOf(Contains(seldom), Contains(once), Contains(acted)));
  EXPECT_THAT(all_pages({.user = "user-1", .n = 40, .include_consumed = true}), Contains(often));
}

TEST_F(CountingPipelineTest, TrendsOfARegionComeBeforeThoseOfEverybody) {
  declare({"trending by=region refresh_s=0"}, 10);
  rise(R"({"region":"DE"})", "item-40", 30);
  rise(R"({"region":"FR"})", "item-41", 60);
  const auto first = [&](const RecommendRequest& request) {
    const Slate slate = answer(request);
    return slate.items.empty() ? "" : slate.items[0].item;
  };
  EXPECT_EQ(first({.context_json = R"({"region":"DE"})"}), "item-40");
  EXPECT_EQ(first({.context_json = R"({"region":"FR"})"}), "item-41");
  EXPECT_EQ(first({.context_json = R"({"region":"nowhere"})"}), "item-41");
  EXPECT_THAT(names(answer({.n = 10, .context_json = R"({"region":"DE"})"})), Contains("item-41"));
  describe("visitor", &UserRecord::region, "DE");
  EXPECT_EQ(first({.user = "visitor"}), "item-40");
  EXPECT_EQ(first({.user = "visitor", .context_json = R"({"region":"FR"})"}), "item-41");
  UserRecord silent;
  silent.id = "visitor";
  silent.region = "DE";
  silent.personalization = false;
  world_.post_user(silent);
  EXPECT_EQ(first({.user = "visitor"}), "item-41");
}

TEST_F(CountingPipelineTest, TrendsOfASegmentAreNotThoseOfARegionOfThatName) {
  declare({"trending by=segment refresh_s=0"}, 10);
  rise(R"({"plan":"free"})", "item-40", 30);
  rise(R"({"region":"free"})", "item-41", 60);
  const auto first = [&](const std::string& user) {
    return answer({.user = user, .context_json = user.empty() ? R"({"plan":"free"})" : ""})
        .items[0]
        .item;
  };
  EXPECT_EQ(first(""), "item-40");
  EXPECT_EQ(first("user-0"), "item-41");
  describe("user-0", &UserRecord::attributes, {{"plan", "free"}});
  EXPECT_EQ(first("user-0"), "item-40");
}

TEST_F(CountingPipelineTest, FeaturesAreReadTogetherAsAlone) {
  const auto order = [&](const std::string& score) {
    declare({"popular", "formula score='" + score + "'"});
    return names(answer({.user = "user-0", .n = 20}));
  };
  const auto popular = order("feature.item_popularity"), liked = order("feature.user_item_likes");
  ASSERT_NE(popular, liked);
  const std::string none = " + 0 * personal", both = "feature.user_item_likes";
  EXPECT_EQ(order("feature.item_popularity + 0 * " + both + none), popular);
  EXPECT_EQ(order("0 * feature.item_popularity + " + both + none), liked);
}

TEST_F(CountingPipelineTest, ATraceCountsWhatASourceProposes) {
  declare({"personal quota=7", "popular quota=9", "formula"});
  const Slate slate = answer({.user = "user-0", .n = 5});
  EXPECT_EQ(slate.trace[0].candidates, 7u);
  EXPECT_EQ(slate.trace[1].candidates, 9u);
  EXPECT_LE(slate.trace[2].candidates, 16u);
  EXPECT_GE(slate.trace[2].candidates, 9u);
}

TEST_F(CountingPipelineTest, CoViewsProposeWhatOthersLikedToo) {
  declare({"co_viewed recent=5"}, 10);
  const Slate slate = answer({.user = "user-0", .n = 10});
  EXPECT_EQ(slate.trace[0].state, "ran");
  EXPECT_GT(slate.trace[0].candidates, 0u);
  EXPECT_EQ(slate.items[0].source, "co_viewed");
}

}  // namespace
}  // namespace palate
