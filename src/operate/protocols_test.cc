// Replay, groups of users and seeds from a log to reports: what the command runs.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "ingest/directory_for_test.h"
#include "math/philox.h"
#include "operate/backtest.h"
#include "operate/replay_run.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

// Eight days on which 40 users like two items each of their own half of 24.
class Protocols : public ::testing::Test {
 protected:
  void SetUp() override {
    data_ = std::move(*open_directory(folder_.path(), types_));
    Philox random(4);
    EventBatch batch;
    for (int64_t day = 0; day < 8; ++day) {
      for (uint32_t user = 0; user < 40; ++user) {
        for (int i = 0; i < 2; ++i) {
          const uint32_t item = user % 2 * 12 + random.below(12);
          EventBatch one =
              like(types_, fmt::format("u{}", user), fmt::format("i{}", item), next_++);
          one.rows[0].ts.us = one.rows[0].received.us =
              kStartUs + day * kDayUs + (user * 2 + i) * kSecondUs;
          append(batch, one);
        }
      }
    }
    ASSERT_TRUE(data_->ingest().write_events(batch));
    configs_.als.factors = 4;
    configs_.als.iterations = 4;
  }
  TrainingRoom room() { return {*data_, types_, configs_, pool_, {}}; }

  static constexpr int64_t kStartUs = 19'700 * kDayUs;
  TemporaryFolder folder_;
  EventTypes types_ = EventTypes::defaults();
  ModelConfigs configs_;
  ThreadPool pool_{2};
  std::unique_ptr<DataDirectory> data_;
  uint64_t next_ = 0;
};

TEST_F(Protocols, AReplayTrainsServesAndLeavesOnlyItsReport) {
  ReplayRunOptions options{.kinds = {"popularity", "item_knn"}, .replay = {}};
  options.replay.steps = 4;
  options.replay.train_every = 2;
  options.replay.ks = {3};
  options.replay.bootstrap_samples = 100;
  const auto outcome = run_replay(room(), options);
  ASSERT_TRUE(outcome) << outcome.error().message;
  const ReplayReport& report = outcome->report;
  ASSERT_EQ(report.models.size(), 2u);
  for (const ReplayModel& model : report.models) {
    EXPECT_EQ(model.trainings, 2u);
    ASSERT_EQ(model.points.size(), 4u);
    for (size_t s = 0; s < 4; ++s) {
      EXPECT_EQ(model.points[s].step.from.us, kStartUs + static_cast<int64_t>(4 + s) * kDayUs);
      EXPECT_EQ(model.points[s].step.begin, (4 + s) * 80);
      EXPECT_EQ(model.points[s].requests, report.models[0].points[s].requests);
    }
  }
  EXPECT_THAT(report.leak_check, HasSubstr("passed: each of 4 trainings"));
  // item_knn knows the half that popularity does not.
  const auto better = std::ranges::find(report.models[1].to_first, "ndcg", &MetricValue::name);
  EXPECT_GT(better->value.low, 0);
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(outcome->directory)) {
    EXPECT_TRUE(entry.path().filename().string().starts_with("report.")) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 3u);
}

TEST_F(Protocols, AReplayThatCannotBeLeavesNothing) {
  ReplayRunOptions options{.kinds = {"popularity"}, .replay = {}};
  options.replay.steps = 30;
  const auto outcome = run_replay(room(), options);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::is_empty(data_->root() / "evaluations"));
  options.kinds = {"oracle"};
  EXPECT_EQ(run_replay(room(), options).error().code, Code::kNotFound);
}

// Both halves say where they live, so the region alone says what is liked.
TEST_F(Protocols, ReplaysAndEvaluationsKnowProfiles) {
  BacktestOptions once;
  once.kinds = {"popularity", "demographic"};
  once.split = SplitKind::kTimeCut;
  once.keep = false;
  once.evaluate.ks = {3};
  once.evaluate.bootstrap_samples = 100;
  ReplayRunOptions replay{.kinds = once.kinds, .replay = {}};
  replay.replay.steps = 2;
  replay.replay.ks = {3};
  replay.replay.bootstrap_samples = 100;
  configs_.demographic.users_min = 2;
  for (const bool known : {false, true}) {
    if (known) {
      std::vector<UserRecord> users(40);
      for (size_t i = 0; i < users.size(); ++i) {
        users[i].id = fmt::format("u{}", i);
        users[i].region = i % 2 == 0 ? "NO" : "PT";
      }
      ASSERT_TRUE(data_->ingest().write_users(users));
    }
    const auto evaluated = backtest(room(), once);
    const auto replayed = run_replay(room(), replay);
    ASSERT_EQ(evaluated.has_value(), known);  // without profiles there are no clusters
    ASSERT_EQ(replayed.has_value(), known);
    if (!known) continue;
    const Report& report = evaluated->comparison.reports[1];
    EXPECT_EQ(report.users_fallback, 0u);
    for (const ReplayPoint& point : replayed->report.models[1].points) {
      EXPECT_EQ(point.requests_fallback, 0u);
    }
    const auto& gain = evaluated->comparison.differences[0].metrics;
    EXPECT_GT(std::ranges::find(gain, "ndcg", &MetricValue::name)->value.low, 0);
    const auto& to_first = replayed->report.models[1].to_first;
    EXPECT_GT(std::ranges::find(to_first, "ndcg", &MetricValue::name)->value.low, 0);
  }
}

// Two trainings: the first has nothing before it, the second goes on from the first.
TEST_F(Protocols, AReplaysTrainingsGoOnFromTheOnesBefore) {
  ReplayRunOptions options{.kinds = {"als"}, .replay = {}};
  options.replay.steps = 2;
  options.replay.ks = {3};
  options.replay.bootstrap_samples = 2;
  configs_.als.iterations = 1;
  configs_.als.warm_iterations = 30;
  std::vector<ReplayModel> models;
  for (const bool warm : {false, true}) {
    configs_.als.warm_start = warm;
    const auto outcome = run_replay(room(), options);
    ASSERT_TRUE(outcome) << outcome.error().message;
    models.push_back(outcome->report.models[0]);
  }
  const auto mrr = [&](size_t model, size_t step) {
    const auto& online = models[model].points[step].online;
    return std::ranges::find(online, "mrr", &MetricValue::name)->value.mean;
  };
  EXPECT_EQ(mrr(0, 0), mrr(1, 0));
  EXPECT_NE(mrr(0, 1), mrr(1, 1));
}

TEST_F(Protocols, HistoriesDoNotStayWithAnEvaluation) {
  BacktestOptions options;
  options.kinds = {"popularity", "user_knn", "blend"};
  options.split = SplitKind::kHoldOut;
  options.evaluate.ks = {3};
  options.evaluate.bootstrap_samples = 100;
  configs_.blend.models = {"item_knn", "user_knn"};
  const auto outcome = backtest(room(), options);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->comparison.reports.size(), 3u);
  EXPECT_TRUE(std::filesystem::exists(outcome->directory / "popularity"));
  EXPECT_FALSE(std::filesystem::exists(outcome->directory / "user_knn"));
  EXPECT_FALSE(std::filesystem::exists(outcome->directory / "blend"));
  EXPECT_TRUE(std::filesystem::exists(outcome->directory / "user_knn.values"));
}

TEST_F(Protocols, GroupsOfUsersAreAskedOnceOfModelsWithoutThem) {
  BacktestOptions options;
  options.kinds = {"popularity", "item_knn"};
  options.split = SplitKind::kHoldOut;
  options.test_share = 0.3;
  options.folds = 4;
  options.evaluate.ks = {3};
  options.evaluate.bootstrap_samples = 100;
  const auto outcome = backtest(room(), options);
  ASSERT_TRUE(outcome) << outcome.error().message;
  const Report& knn = outcome->comparison.reports[1];
  EXPECT_THAT(knn.split, HasSubstr("users in 4 groups"));
  EXPECT_THAT(knn.leak_check, HasSubstr("passed"));
  EXPECT_EQ(knn.users + knn.users_left_out, 40u);
  const auto ndcg =
      std::ranges::find(outcome->comparison.differences[0].metrics, "ndcg", &MetricValue::name);
  EXPECT_GT(ndcg->value.low, 0);
  for (int group = 1; group <= 4; ++group) {
    EXPECT_TRUE(
        std::filesystem::exists(outcome->directory / fmt::format("item_knn-group-{}", group)));
  }
  options.validation_share = 0.1;
  EXPECT_EQ(backtest(room(), options).error().code, Code::kInvalidArgument);
}

TEST_F(Protocols, SeedsOfTrainingAreApartFromUsersAndTheSplitStays) {
  BacktestOptions options;
  options.kinds = {"popularity", "als"};
  options.seeds = 3;
  options.evaluate.ks = {3};
  options.evaluate.bootstrap_samples = 100;
  const auto outcome = backtest(room(), options);
  ASSERT_TRUE(outcome) << outcome.error().message;
  const auto spread = [&](size_t m) {
    return *std::ranges::find(outcome->comparison.reports[m].seeds, "ndcg", &SeedSpread::name);
  };
  EXPECT_EQ(spread(0).deviation(), 0) << "nothing is drawn in its training";
  EXPECT_GT(spread(1).deviation(), 0);
  ASSERT_EQ(spread(1).means.size(), 3u);
  TrainingRoom second = room();
  second.seed = 2;
  options.seeds = 1;
  const auto alone = backtest(second, options);
  ASSERT_TRUE(alone);
  const auto ndcg =
      std::ranges::find(alone->comparison.reports[1].metrics, "ndcg", &MetricValue::name);
  EXPECT_EQ(spread(1).means[1], ndcg->value.mean);
  EXPECT_TRUE(alone->comparison.reports[1].seeds.empty());
  EXPECT_FALSE(std::filesystem::exists(outcome->directory / "other-seed"));
  const auto json = nlohmann::json::parse(to_json(outcome->comparison));
  EXPECT_EQ(json["reports"][1]["seeds"][0]["means"].size(), 3u);
}

}  // namespace
}  // namespace palate
