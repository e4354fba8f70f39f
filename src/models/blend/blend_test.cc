#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "math/philox.h"
#include "models/blend/train.h"
#include "models/contract.h"

namespace palate {
namespace {

// Two parts: the first knows half of each user's relevant items, the second the other half.
std::vector<BlendUser> halves() {
  std::vector<BlendUser> users;
  for (uint32_t user = 0; user < 50; ++user) {
    Philox random(9, user);
    BlendUser out;
    for (uint32_t item = 0; item < 40; ++item) {
      const bool relevant = item < 8;
      out.items.push_back(item);
      out.relevant.push_back(relevant);
      for (uint32_t part = 0; part < 2; ++part) {
        const bool knows = relevant && item % 2 == part;
        out.scores.push_back(static_cast<float>(0.3 * random.normal()) + (knows ? 1.0F : 0.0F));
      }
    }
    out.relevant_count = 8;
    users.push_back(std::move(out));
  }
  return users;
}

TEST(BlendWeights, BothHalvesAreBetterThanOne) {
  const auto users = halves();
  const auto weights = choose_weights(users, 2, 8);
  ASSERT_EQ(weights.size(), 2U);
  EXPECT_NEAR(weights[0] + weights[1], 1, 1e-12);
  EXPECT_GT(weights[0], 0.2);
  EXPECT_GT(weights[1], 0.2);
  const double blended = blend_quality(users, weights, 8);
  EXPECT_GT(blended, blend_quality(users, std::vector{1.0, 0.0}, 8) + 0.1);
  EXPECT_GT(blended, blend_quality(users, std::vector{0.0, 1.0}, 8) + 0.1);
}

TEST(BlendWeights, APartThatOnlyHarmsGetsNone) {
  auto users = halves();
  for (BlendUser& user : users) {
    for (size_t i = 0; i < user.items.size(); ++i) {
      user.scores[2 * i] = user.relevant[i] ? 1.0F : 0.0F;
      user.scores[2 * i + 1] = user.relevant[i] ? -1.0F : 1.0F;
    }
  }
  EXPECT_THAT(choose_weights(users, 2, 8), ::testing::ElementsAre(1.0, 0.0));
}

TEST(BlendWeights, NobodyToAskGivesThemToOnePart) {
  EXPECT_THAT(choose_weights({}, 3, 10), ::testing::ElementsAre(1.0, 0.0, 0.0));
}

class BlendTest : public ::testing::Test {
 protected:
  Result<TrainedModel> train(std::vector<std::string> models, std::vector<std::string> weights) {
    TrainOptions options;
    options.configs.blend.models = std::move(models);
    options.configs.blend.weights = std::move(weights);
    return train_for_test("blend", DatasetView(world_.data), options);
  }
  PlantedWorld world_{7};
};

TEST_F(BlendTest, AWeightOfOneIsThePartItself) {
  const auto blend = train({"ease", "als"}, {"1", "0"});
  const auto ease = train_for_test("ease", DatasetView(world_.data));
  ASSERT_TRUE(blend && ease);
  Scratch scratch;
  float unknown = 0;
  const ItemIx later{PlantedWorld::kItems};
  blend->model->score(world_.query(0), {&later, 1}, {&unknown, 1}, scratch);
  EXPECT_EQ(unknown, kUnknownScore);
  for (uint32_t user = 0; user < 10; ++user) {
    const TopKRequest request{world_.query(user), {}, 10};
    const auto a = blend->model->top_k({&request, 1}, scratch)[0];
    const auto b = ease->model->top_k({&request, 1}, scratch)[0];
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].item, b[i].item) << user << ' ' << i;
  }
}

TEST_F(BlendTest, ReasonsAddUpToTheScore) {
  const auto blend = train({"ease", "item_knn", "als"}, {"0.5", "0.3", "0.2"});
  ASSERT_TRUE(blend) << blend.error().message;
  Scratch scratch;
  const Query query = world_.query(2);
  const TopKRequest request{query, {}, 5};
  const auto lists = blend->model->top_k({&request, 1}, scratch);
  for (const Scored& scored : lists[0]) {
    const auto reasons = blend->model->explain(query, scored.item, 100, scratch);
    ASSERT_TRUE(reasons) << reasons.error().message;
    float sum = 0;
    for (const Contribution& reason : *reasons) sum += reason.score;
    EXPECT_NEAR(sum, scored.score, 1e-3 * std::abs(scored.score));
  }
}

TEST_F(BlendTest, WithPopularityItGivesNoReasons) {
  const auto blend = train({"popularity", "ease"}, {"0.5", "0.5"});
  ASSERT_TRUE(blend) << blend.error().message;
  EXPECT_TRUE(blend->model->info().personalized);
  EXPECT_FALSE(blend->model->info().can_explain);
  EXPECT_FALSE(blend->model->can_answer(Query{}));
}

TEST_F(BlendTest, WhatItWasChosenOnIsInTheManifest) {
  const auto blend = train({"ease", "als"}, {});
  ASSERT_TRUE(blend) << blend.error().message;
  const auto metrics = nlohmann::json::parse(blend->artefact->manifest().metrics_json);
  EXPECT_EQ(metrics["validation_users"], PlantedWorld::kUsers);
  EXPECT_GT(metrics["validation_ndcg"].get<double>(), 0);
  EXPECT_EQ(metrics["validation_ndcg_alone"].size(), 2U);
  for (const auto& entry : std::filesystem::directory_iterator(blend->path)) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("slice-")) << entry.path();
  }
}

TEST_F(BlendTest, ImpossiblePartsAreRefused) {
  EXPECT_EQ(train({}, {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(train({"ease", "ease"}, {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(train({"blend"}, {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(train({"oracle"}, {}).error().code, Code::kNotFound);
  EXPECT_EQ(train({"ease", "als"}, {"1"}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(train({"ease"}, {"much"}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(train({"ease"}, {"-1"}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(train({"ease", "als"}, {"0", "0"}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(train({"ease"}, {"nan"}).error().code, Code::kInvalidArgument);
}

TEST_F(BlendTest, AnotherPartIsRefused) {
  auto blend = train({"ease", "als"}, {"1", "1"});
  ASSERT_TRUE(blend) << blend.error().message;
  const auto other = train_for_test("ease", DatasetView(PlantedWorld(8).data));
  ASSERT_TRUE(other) << other.error().message;
  const Path part = blend->path / "part-ease";
  std::filesystem::remove_all(part);
  std::filesystem::copy(other->path, part, std::filesystem::copy_options::recursive);
  auto artefact = Artefact::open(blend->path);
  ASSERT_TRUE(artefact) << artefact.error().message;
  const auto loaded = load_model(*artefact);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kCorrupt);
}

TEST(BlendHandover, EvidenceMovesWeightsSteadily) {
  const Handover handover{8, 3};
  double before = -1;
  for (const double events : {0.0, 1.0, 2.0, 5.0, 8.0, 20.0, 1000.0}) {
    const double personal = share_by_user(PartRole::kPersonal, events, handover);
    const double cold = share_by_user(PartRole::kColdUsers, events, handover);
    EXPECT_NEAR(personal + cold, 1, 1e-12);
    EXPECT_GT(personal, before);
    EXPECT_LT(personal - std::max(before, 0.0), 0.35) << "a switch at " << events;
    before = personal;
  }
  EXPECT_EQ(share_by_user(PartRole::kPersonal, 0, handover), 0);
  EXPECT_EQ(share_by_user(PartRole::kPersonal, 8, handover), 0.5);
  EXPECT_EQ(share_by_user(PartRole::kColdItems, 8, handover), 0.5);
  EXPECT_EQ(share_by_item(PartRole::kPersonal, 3, handover), 0.5);
  EXPECT_EQ(share_by_item(PartRole::kColdItems, 3, handover), 1);
  EXPECT_EQ(share_by_user(PartRole::kColdUsers, 8, {}), 1);  // no hand-over
}

// Two cold parts and a personal one, in serving: the profile decides at first, the history later.
TEST_F(BlendTest, AHistoryTakesOverFromTheProfile) {
  TrainOptions options;
  options.configs.blend.models = {"ease", "demographic"};
  options.configs.blend.weights = {"1", "1"};
  options.configs.blend.user_events = 3;
  options.configs.demographic.prior_users = 5;  // few users, so little of the average taste
  const auto blend = train_for_test("blend", DatasetView(world_.data), options);
  ASSERT_TRUE(blend) << blend.error().message;
  const auto share_of_own = [&](size_t events) {
    Query query = world_.query(0);  // likes group 0 …
    query.history = query.history.first(events);
    query.profile = &PlantedWorld::profile_of_user(1);  // … and lives where group 1 is liked
    const TopKRequest request{query, {}, 2 * PlantedWorld::kGroupItems};
    Scratch scratch;
    float own = 0, other = 0;
    const auto lists = blend->model->top_k({&request, 1}, scratch);
    for (const Scored& item : lists[0]) {
      (PlantedWorld::group_of_item(item.item) == 0 ? own : other) += item.score;
    }
    return own / (own + other);
  };
  EXPECT_LT(share_of_own(0), 0.3F);
  for (size_t events = 1; events <= PlantedWorld::kLikes; ++events) {
    EXPECT_GT(share_of_own(events), share_of_own(events - 1)) << events;
    EXPECT_LT(share_of_own(events) - share_of_own(events - 1), 0.5F) << events;
  }
  EXPECT_GT(share_of_own(PlantedWorld::kLikes), 0.6F);
}

TEST(BlendHandover, APartForColdUsersKeepsALittle) {
  BlendChoice choice{{1, 0}, {}};
  keep_for_cold_users(1, choice);
  EXPECT_EQ(choice.weights, (std::vector{1, 0.01}));
  EXPECT_EQ(choice.handover.user_events, 1);
  choice = {{1, 0}, {5, 3}};
  keep_for_cold_users(1, choice);
  EXPECT_EQ(choice.weights[1], 0.01);
  EXPECT_EQ(choice.handover.user_events, 5);
  choice = {{0.5, 0.5}, {}};  // what was chosen stays
  keep_for_cold_users(1, choice);
  EXPECT_EQ(choice.weights[1], 0.5);
  EXPECT_EQ(choice.handover.user_events, 0);
}

TEST_F(BlendTest, WhoHasOnlyAProfileIsAnswered) {
  TrainOptions options;
  options.configs.blend.models = {"ease", "demographic"};
  options.configs.demographic.prior_users = 5;  // few users, so little of the average taste
  const auto blend = train_for_test("blend", DatasetView(world_.data), options);
  ASSERT_TRUE(blend) << blend.error().message;
  Query query;
  query.profile = &PlantedWorld::profile_of_user(1);
  ASSERT_TRUE(blend->model->can_answer(query));
  Scratch scratch;
  const TopKRequest request{query, {}, 5};
  const auto lists = blend->model->top_k({&request, 1}, scratch);
  for (const Scored& item : lists[0]) EXPECT_EQ(PlantedWorld::group_of_item(item.item), 1U);
}

// An item that nobody had in training is in the list of a blend with content, and its place comes
// from what is written about it.
TEST_F(BlendTest, ColdItemsComeFromContent) {
  auto keep = std::make_shared<std::vector<bool>>();
  for (uint32_t user = 0; user < PlantedWorld::kUsers; ++user) {
    for (const HistoryEntry& row : world_.data.of({user})) keep->push_back(row.item.value % 4 != 3);
  }
  TrainOptions options;
  options.configs.blend.models = {"ease", "content"};
  options.configs.blend.weights = {"1", "1"};
  const auto blend = train_for_test("blend", DatasetView(world_.data, keep), options);
  ASSERT_TRUE(blend) << blend.error().message;
  Scratch scratch;
  const Query query = world_.query(0);
  std::vector<float> scores(PlantedWorld::kItems);
  blend->model->score_all(query, scores, scratch);
  EXPECT_GT(scores[3], scores[PlantedWorld::kGroupItems + 3]);
  EXPECT_GT(scores[PlantedWorld::kGroupItems + 3], kUnknownScore);
  EXPECT_EQ(scores.back(), kUnknownScore);
  const auto reasons = blend->model->explain(query, {3}, 100, scratch);
  ASSERT_TRUE(reasons) << reasons.error().message;
  float sum = 0;
  for (const Contribution& reason : *reasons) sum += reason.score;
  EXPECT_NEAR(sum, scores[3], 1e-3 * std::abs(scores[3]));
  const auto near = blend->model->similar({3}, 5, {}, scratch);
  EXPECT_TRUE(near) << near.error().message;
}

TEST_F(BlendTest, APartMayHaveSettingsOfItsOwn) {
  const auto blend = train({"als", "als:factors=2:alpha=3"}, {});
  ASSERT_TRUE(blend) << blend.error().message;
  const auto second = Artefact::open(blend->path / "part-als-2");
  ASSERT_TRUE(second) << second.error().message;
  const auto config = nlohmann::json::parse((*second)->manifest().config_json);
  EXPECT_EQ(config["factors"], 2);
  EXPECT_EQ(config["alpha"], 3.0);
  EXPECT_EQ(train({"als:factor=2"}, {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(train({"als:factors"}, {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(train({"als:factors=0"}, {}).error().code, Code::kInvalidArgument);
}

TEST(BlendRatingsTest, WeightsAreTheBestMix) {
  BlendRatings ratings;
  Philox random(3, 0);
  for (int i = 0; i < 2000; ++i) {
    const double truth = 3 + random.normal();
    ratings.rated.push_back(static_cast<float>(truth));
    ratings.predicted.push_back(static_cast<float>(truth + 0.5 * random.normal()));
    ratings.predicted.push_back(static_cast<float>(truth + random.normal()));
  }
  const auto weights = choose_rating_weights(ratings, 2);
  // The variances are .25 and 1, so the best shares are .8 and .2.
  EXPECT_NEAR(weights[0], 0.8, 0.03);
  EXPECT_NEAR(weights[0] + weights[1], 1, 1e-9);
  EXPECT_LT(blend_rmse(ratings, weights), blend_rmse(ratings, std::vector{1.0, 0.0}) - 0.02);
}

TEST(BlendRatingsTest, ABlendOfRatingModelsPredictsRatings) {
  const PlantedWorld world(4, /*rated=*/true);
  TrainOptions options;
  options.configs.blend.models = {"mf", "mf:solver=als:factors=2"};
  const auto blend = train_for_test("blend", DatasetView(world.data), options);
  ASSERT_TRUE(blend) << blend.error().message;
  EXPECT_EQ(blend->model->info().scores, ScoreMeaning::kRating);
  const auto metrics = nlohmann::json::parse(blend->artefact->manifest().metrics_json);
  const double blended = metrics["validation_rmse"].get<double>();
  for (const auto& alone : metrics["validation_rmse_alone"])
    EXPECT_LE(blended, alone.get<double>());
  Scratch scratch;
  const std::vector<ItemIx> items{{1}, {PlantedWorld::kGroupItems + 1}};
  std::vector<float> scores(2);
  blend->model->score(world.query(0), items, scores, scratch);
  EXPECT_GT(scores[0], 3.5F);
  EXPECT_LT(scores[1], 2.5F);
}

}  // namespace
}  // namespace palate
