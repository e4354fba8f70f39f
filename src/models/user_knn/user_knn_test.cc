#include "models/user_knn/user_knn.h"

#include <cmath>

#include <gtest/gtest.h>

#include "models/contract.h"

namespace palate {
namespace {

std::vector<float> scores_of(const Model& model, const Query& query) {
  std::vector<float> out(model.info().items);
  Scratch scratch;
  model.score_all(query, out, scratch);
  return out;
}

// The sums written out plainly over everybody.
TEST(UserKnn, ScoresAreWhatTheFormulaSays) {
  const PlantedWorld world(2);
  TrainOptions options;
  auto& config = options.configs.user_knn;
  config.neighbours = PlantedWorld::kUsers;
  const auto trained = train_for_test("user_knn", DatasetView(world.data), options);
  ASSERT_TRUE(trained) << trained.error().message;
  std::vector<double> count(PlantedWorld::kItems, 0);
  for (uint32_t user = 0; user < PlantedWorld::kUsers; ++user) {
    for (const HistoryEntry& row : world.data.of({user})) ++count[row.item.value];
  }
  const Query query = world.query(7);
  std::vector<double> expected(PlantedWorld::kItems, 0);
  for (uint32_t other = 0; other < PlantedWorld::kUsers; ++other) {
    double common = 0;
    const auto theirs = world.data.of({other});
    for (const HistoryEntry& mine : query.history) {
      for (const HistoryEntry& row : theirs) {
        if (row.item == mine.item) common += std::pow(count[row.item.value], -config.item_power);
      }
    }
    const double like = common * std::pow(theirs.size(), -config.user_power);
    for (const HistoryEntry& row : theirs) {
      expected[row.item.value] +=
          std::pow(like, config.contrast) * std::pow(count[row.item.value], -config.target_power);
    }
  }
  const auto scores = scores_of(*trained->model, query);
  for (uint32_t item = 0; item < PlantedWorld::kItems; ++item) {
    if (count[item] == 0) {
      EXPECT_EQ(scores[item], kUnknownScore);
    } else {
      EXPECT_NEAR(scores[item], expected[item], 1e-3 * expected[item] + 1e-6) << item;
    }
  }
}

TEST(UserKnn, FewerNeighboursAndFewerUsersAreOtherAnswers) {
  const PlantedWorld world(2);
  TrainOptions options;
  const auto whole = train_for_test("user_knn", DatasetView(world.data), options);
  options.configs.user_knn.neighbours = 3;
  const auto few = train_for_test("user_knn", DatasetView(world.data), options);
  options.configs.user_knn.users_max = 40;
  const auto sample = train_for_test("user_knn", DatasetView(world.data), options);
  ASSERT_TRUE(whole && few && sample);
  EXPECT_NE(scores_of(*whole->model, world.query(1)), scores_of(*few->model, world.query(1)));
  EXPECT_EQ(sample->artefact->vector<uint64_t>("start")->size(), 41U);
  EXPECT_EQ(whole->artefact->vector<uint64_t>("start")->size(), PlantedWorld::kUsers + 1);
}

}  // namespace
}  // namespace palate
