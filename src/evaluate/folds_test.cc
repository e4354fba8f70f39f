// Models by groups of users, and seeds of training.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataset/user_folds.h"
#include "evaluate/evaluate.h"
#include "evaluate/fold_model.h"
#include "evaluate/report.h"
#include "evaluate/trained_on.h"
#include "models/contract.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

class FoldsTest : public ::testing::Test {
 protected:
  static constexpr size_t kFolds = 4;
  static constexpr uint64_t kSeed = 3;

  void SetUp() override {
    auto made = make_user_folds(
        world_.data, {.kind = SplitKind::kHoldOut, .test_share = 0.3, .seed = kSeed}, kFolds);
    ASSERT_TRUE(made) << made.error().message;
    folds_.emplace(std::move(*made));
  }

  // The model of the groups; `leaking` is trained on everything.
  void train(std::string_view kind, size_t leaking = kFolds) {
    std::vector<std::unique_ptr<Model>> models;
    for (size_t fold = 0; fold < kFolds; ++fold) {
      const DatasetView part = fold == leaking
                                   ? DatasetView(world_.data)
                                   : DatasetView(world_.data, folds_->groups[fold].train);
      auto trained = train_for_test(kind, part);
      ASSERT_TRUE(trained) << trained.error().message;
      parts_.push_back({&folds_->groups[fold], *trained_on(trained->artefact->manifest())});
      kept_.push_back(std::move(*trained));
      models.push_back(std::move(kept_.back().model));
    }
    model_ = std::make_unique<FoldModel>(std::move(models), kSeed);
  }

  Result<Report> evaluate() {
    EvaluateJob job;
    job.model = model_.get();
    job.data = &world_.data;
    job.split = &folds_->asked;
    job.options = {.ks = {5, 10}, .bootstrap_samples = 100};
    job.pool = &pool_;
    job.parts = parts_;
    return evaluate_model(job);
  }

  PlantedWorld world_{11};
  ThreadPool pool_{2};
  std::optional<UserFolds> folds_;
  std::vector<TrainedModel> kept_;
  std::vector<TrainedPart> parts_;
  std::unique_ptr<FoldModel> model_;
};

TEST_F(FoldsTest, UsersNobodyTrainedOnAreServedFromTheirHistory) {
  train("als");
  const auto report = evaluate();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->users, PlantedWorld::kUsers - report->users_left_out);
  EXPECT_THAT(report->split, HasSubstr("4 groups"));
  EXPECT_THAT(report->leak_check, HasSubstr("passed"));
  const auto recall = std::ranges::find_if(report->metrics, [](const MetricValue& metric) {
    return metric.name == "recall" && metric.k == 10;
  });
  EXPECT_GT(recall->value.mean, 0.3) << "chance is 10 / 54";
}

TEST_F(FoldsTest, AGroupWhoseUsersWereTrainedOnIsFound) {
  train("popularity", /*leaking=*/2);
  const auto report = evaluate();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kInternal);
  EXPECT_THAT(report.error().message, HasSubstr("mean nothing"));
}

TEST_F(FoldsTest, TestRowsThatNobodyCheckedAreFound) {
  train("popularity");
  parts_.pop_back();
  const auto report = evaluate();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("checked for leaks"));
}

TEST_F(FoldsTest, ABatchIsAnsweredAsOneByOne) {
  train("item_knn");
  std::vector<TopKRequest> requests;
  for (uint32_t user = 0; user < 30; ++user) {
    TopKRequest request;
    request.query = world_.query(user);
    request.query.user = world_.data.user_id({user});
    requests.push_back(request);
  }
  Scratch scratch;
  const auto together = model_->top_k(requests, scratch);
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto alone = model_->top_k({&requests[i], 1}, scratch);
    ASSERT_EQ(together[i].size(), alone[0].size());
    for (size_t rank = 0; rank < alone[0].size(); ++rank) {
      EXPECT_EQ(together[i][rank].item, alone[0][rank].item);
      EXPECT_EQ(together[i][rank].score, alone[0][rank].score);
    }
  }
}

TEST(Seeds, SpreadIsOfTheMeansAndSaidInEveryForm) {
  std::vector<Report> reports(3);
  for (size_t i = 0; i < 3; ++i) {
    reports[i].kind = "als";
    reports[i].options.ks = {5};
    reports[i].metrics = {{"ndcg", 5, {0.1 + 0.01 * static_cast<double>(i), 0, 1}}};
  }
  reports[0].seeds = spread_over_seeds(reports);
  ASSERT_EQ(reports[0].seeds.size(), 1u);
  EXPECT_NEAR(reports[0].seeds[0].mean(), 0.11, 1e-12);
  EXPECT_NEAR(reports[0].seeds[0].deviation(), 0.01, 1e-12);
  const Comparison comparison{{reports[0]}, {}};
  EXPECT_THAT(to_markdown(comparison), HasSubstr("Over 3 seeds"));
  EXPECT_THAT(to_markdown(comparison), HasSubstr("| ndcg@5 | 0.1100 ±0.0100 [0.1000, 0.1200] |"));
  EXPECT_THAT(to_html(comparison), HasSubstr("Over 3 seeds"));
  EXPECT_THAT(to_json(comparison), HasSubstr("\"deviation\""));
}

}  // namespace
}  // namespace palate
