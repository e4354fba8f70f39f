// What an evaluation says beyond lists: rated rows, exposure, groups, and what is kept for later
// comparisons.
#include <algorithm>
#include <cmath>
#include <map>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "evaluate/evaluate.h"
#include "evaluate/ranking_run.h"
#include "evaluate/report.h"
#include "evaluate/trained_on.h"
#include "evaluate/user_values.h"
#include "features/catalogue.h"
#include "math/judgement.h"
#include "models/contract.h"

namespace palate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

double value_of(std::span<const MetricValue> metrics, const std::string& name, size_t k = 0) {
  for (const MetricValue& metric : metrics) {
    if (metric.name == name && metric.k == k) return metric.value.mean;
  }
  ADD_FAILURE() << "no " << name << "@" << k;
  return -1;
}

// Says the same probability of everything in the first half of the catalogue, another of the rest.
class TwoOdds final : public Model {
 public:
  TwoOdds() {
    info_.kind = "two_odds";
    info_.items = PlantedWorld::kItems;
    info_.scores = ScoreMeaning::kProbability;
  }
  const ModelInfo& info() const override { return info_; }
  bool can_answer(const Query&) const override { return true; }
  static double of(ItemIx item) { return item.value < PlantedWorld::kGroupItems ? 0.8 : 0.3; }
  void score(const Query&, std::span<const ItemIx> items, std::span<float> scores,
             Scratch&) const override {
    for (size_t i = 0; i < items.size(); ++i) scores[i] = static_cast<float>(of(items[i]));
  }
  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch&) const override {
    return std::vector<std::vector<Scored>>(requests.size());
  }

 private:
  ModelInfo info_;
};

class BeyondTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made =
        make_split(world_.data, {.kind = SplitKind::kHoldOut, .test_share = 0.3, .seed = 4});
    ASSERT_TRUE(made) << made.error().message;
    split_ = std::move(*made);
    folder_ = std::filesystem::temp_directory_path() / fmt::format("palate-beyond-{}", getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  EvaluateJob job(const Model& model) {
    return {.model = &model,
            .data = &world_.data,
            .split = &*split_,
            .trained_on = DatasetView(world_.data, split_->train).seen(),
            .options = {.ks = {2, 5}, .bootstrap_samples = 100},
            .pool = &pool_,
            .stop = {}};
  }
  Report evaluate(const EvaluateJob& job) {
    auto report = evaluate_model(job);
    EXPECT_TRUE(report) << report.error().message;
    return report ? std::move(*report) : Report{};
  }
  TrainedModel train(std::string_view kind) {
    auto trained = train_for_test(kind, DatasetView(world_.data, split_->train));
    EXPECT_TRUE(trained) << trained.error().message;
    return std::move(*trained);
  }
  // Visits the rated test rows with the user's training rows.
  template <class Visit>
  void each_test_row(const Visit& visit) {
    for (uint32_t user = 0; user < world_.data.users(); ++user) {
      std::vector<HistoryEntry> history, test;
      uint64_t bit = world_.data.row_start()[user];
      for (const HistoryEntry& row : world_.data.of({user})) {
        if ((*split_->train)[bit]) history.push_back(row);
        if ((*split_->test)[bit]) test.push_back(row);
        ++bit;
      }
      for (const HistoryEntry& row : test) visit(user, history, row);
    }
  }

  PlantedWorld world_{11, /*rated=*/true};
  std::optional<Split> split_;
  ThreadPool pool_{2};
  Path folder_;
};

TEST_F(BeyondTest, RatingsAgreeWithAPlainReference) {
  const TrainedModel mf = train("mf");
  const Report report = evaluate(job(*mf.model));
  double squares = 0, absolute = 0, rows = 0, disliked = 0;
  Scratch scratch;
  each_test_row([&](uint32_t, const std::vector<HistoryEntry>& history, const HistoryEntry& row) {
    Query query;
    query.history = history;
    query.now = row.ts;
    float score = 0;
    mf.model->score(query, {&row.item, 1}, {&score, 1}, scratch);
    const double error = row.value - std::clamp(score, 1.0F, 5.0F);
    squares += error * error;
    absolute += std::abs(error);
    rows += 1;
    disliked += row.preference < 0 ? 1 : 0;
  });
  EXPECT_GT(disliked, 20) << "rows that nobody liked are test rows, too, where they are ratings";
  EXPECT_NEAR(value_of(report.ratings, "rmse"), std::sqrt(squares / rows), 1e-6);
  EXPECT_NEAR(value_of(report.ratings, "mae"), absolute / rows, 1e-6);
  EXPECT_GT(value_of(report.ratings, "auc"), 0.9);
  EXPECT_GT(value_of(report.ratings, "gauc"), 0.9);
  for (const MetricValue& metric : report.ratings) {
    EXPECT_LE(metric.value.low, metric.value.mean) << metric.name;
    EXPECT_GE(metric.value.high, metric.value.mean) << metric.name;
  }
}

TEST_F(BeyondTest, ProbabilitiesHaveALossAndACalibration) {
  const TwoOdds model;
  const Report report = evaluate(job(model));
  std::vector<double> probability;
  std::vector<uint8_t> liked;
  std::map<uint32_t, std::pair<std::vector<double>, std::vector<uint8_t>>> by_user;
  each_test_row([&](uint32_t user, const std::vector<HistoryEntry>&, const HistoryEntry& row) {
    probability.push_back(static_cast<double>(static_cast<float>(TwoOdds::of(row.item))));
    liked.push_back(row.preference > 0 ? 1 : 0);
    by_user[user].first.push_back(probability.back());
    by_user[user].second.push_back(liked.back());
  });
  EXPECT_NEAR(value_of(report.ratings, "log_loss"), log_loss(probability, liked), 1e-9);
  EXPECT_NEAR(value_of(report.ratings, "calibration_error"), calibration_error(probability, liked),
              1e-9);
  EXPECT_NEAR(value_of(report.ratings, "auc"), *auc(probability, liked), 1e-9);
  double sum = 0, rows = 0;
  for (const auto& [user, said] : by_user) {
    const auto own = auc(said.first, said.second);
    if (!own) continue;
    sum += *own * static_cast<double>(said.first.size());
    rows += static_cast<double>(said.first.size());
  }
  EXPECT_NEAR(value_of(report.ratings, "gauc"), sum / rows, 1e-9);
}

TEST_F(BeyondTest, ExposureIsCountedByHand) {
  // Two users, three items in training: item 0 was had by both, items 1 and 2 by one each.
  std::vector<HistoryEntry> rows{{{0}, {0}, false, 1, 1, {1}, 0},
                                 {{1}, {0}, false, 1, 1, {2}, 1},
                                 {{0}, {0}, false, 1, 1, {3}, 2},
                                 {{2}, {0}, false, 1, 1, {4}, 3}};
  const Dataset data = Dataset::from_rows(4, {0, 2, 4}, rows, TimeKind::kReal);
  Split split{SplitKind::kHoldOut,
              {},
              std::make_shared<std::vector<bool>>(4, true),
              std::make_shared<std::vector<bool>>(4, false),
              {}};
  const std::vector<uint32_t> lists{0, 1, 2, kNoItem};
  const std::vector<size_t> ks{2};
  const ExposureInput input{lists, 2, ks, &data, &split};
  EXPECT_EQ(users_by_item(DatasetView(data)), (std::vector<uint32_t>{2, 1, 1, 0}));
  const double second = 1 / std::log2(3.0);
  EXPECT_EQ(exposures(input, 2), (std::vector<double>{1, second, 1, 0}));
  // Cosine of items 0 and 1: one of 2 and of 1 users in common.
  EXPECT_NEAR(diversity(input, pool_, {.resamples = 10})[0].mean, 1 - 1 / std::sqrt(2.0), 1e-12);
  Groups creator{.by = "creator"};
  for (const char* name : {"ann", "bob", "bob", ""}) creator.group_of.push_back(creator.add(name));
  const ExposureGap gap = exposure_gap(input, 2, creator);
  EXPECT_NEAR(gap.gap, std::abs(1 / (2 + second) - 0.5), 1e-12);
  ASSERT_EQ(gap.widest.size(), 2u);
  EXPECT_NEAR(gap.widest[0].had, 0.5, 1e-12);
}

TEST_F(BeyondTest, NoveltyAndPopularityLiftAgreeWithAPlainReference) {
  const TrainedModel popularity = train("popularity");
  const Report report = evaluate(job(*popularity.model));
  const auto had = users_by_item(DatasetView(world_.data, split_->train));
  double novelty = 0, lift = 0;
  for (const UserIx user : report.user_rows) {
    std::vector<HistoryEntry> scratch;
    const DatasetView train(world_.data, split_->train);
    Query query;
    query.history = train.of(user, scratch);
    ItemBitmap seen(1, 0);
    double own = 0;
    for (const auto& row : query.history) {
      seen[0] |= uint64_t{1} << row.item.value;
      own += had[row.item.value] / static_cast<double>(query.history.size());
    }
    Scratch buffers;
    const TopKRequest request{query, {seen}, 5};
    double popular = 0;
    const auto lists = popularity.model->top_k({&request, 1}, buffers);
    for (const Scored& scored : lists[0]) {
      novelty -= std::log2(had[scored.item.value] / double{PlantedWorld::kUsers}) / 5;
      popular += had[scored.item.value] / 5.0;
    }
    lift += popular / own - 1;
  }
  const auto users = static_cast<double>(report.user_rows.size());
  EXPECT_NEAR(value_of(report.metrics, "novelty", 5), novelty / users, 1e-9);
  EXPECT_NEAR(value_of(report.metrics, "popularity_lift", 5), lift / users, 1e-9);
}

TEST_F(BeyondTest, PartsAddUpToTheWhole) {
  const TrainedModel als = train("als");
  Groups region{.by = "region"};
  for (uint32_t user = 0; user < PlantedWorld::kUsers; ++user) {
    region.group_of.push_back(region.add(user % 3 == 0 ? "north" : user % 3 == 1 ? "south" : ""));
  }
  EvaluateJob asked = job(*als.model);
  asked.user_groups = {&region, 1};
  const Report report = evaluate(asked);
  double recall = 0, found = 0;
  uint64_t users = 0, relevant = 0, in_regions = 0;
  for (const Breakdown& part : report.breakdowns) {
    if (part.by == "user activity") {
      users += part.count;
      recall += part.recall * static_cast<double>(part.count);
    } else if (part.by == "item popularity") {
      relevant += part.count;
      found += part.recall * static_cast<double>(part.count);
    } else {
      EXPECT_EQ(part.by, "region");
      in_regions += part.count;
    }
  }
  EXPECT_EQ(users, report.users);
  EXPECT_EQ(relevant, report.relevant);
  EXPECT_NEAR(recall / static_cast<double>(users), value_of(report.metrics, "recall", 5), 1e-9);
  EXPECT_GT(found, 0);
  EXPECT_GT(in_regions, report.users / 2);
  EXPECT_LT(in_regions, report.users);
}

TEST_F(BeyondTest, WhatIsKeptOfTwoEvaluationsCompares) {
  const TrainedModel popularity = train("popularity"), mf = train("mf");
  const Report a = evaluate(job(*popularity.model)), b = evaluate(job(*mf.model));
  ASSERT_TRUE(save_user_values(a, world_.data, folder_ / "a.values"));
  ASSERT_TRUE(save_user_values(b, world_.data, folder_ / "b.values"));
  auto loaded_a = load_user_values(folder_ / "a.values");
  auto loaded_b = load_user_values(folder_ / "b.values");
  ASSERT_TRUE(loaded_a && loaded_b);
  EXPECT_TRUE(check_same_users(*loaded_a, *loaded_b));
  const auto now = compare({a, b}, pool_);
  const auto later = compare({loaded_a->report, loaded_b->report}, pool_);
  ASSERT_TRUE(now && later) << later.error().message;
  ASSERT_EQ(now->differences[0].metrics.size(), later->differences[0].metrics.size());
  for (size_t i = 0; i < now->differences[0].metrics.size(); ++i) {
    EXPECT_EQ(now->differences[0].metrics[i].value.low, later->differences[0].metrics[i].value.low);
  }
  loaded_b->users.pop_back();
  EXPECT_FALSE(check_same_users(*loaded_a, *loaded_b));
  std::string bytes = *read_file(folder_ / "a.values");
  for (const size_t at : {size_t{3}, bytes.size() / 2, bytes.size() - 1}) {
    std::string damaged = bytes;
    damaged[at] ^= 1;
    ASSERT_TRUE(write_file_atomically(folder_ / "damaged", damaged));
    const auto refused = load_user_values(folder_ / "damaged");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kCorrupt);
  }
}

TEST_F(BeyondTest, ThePageHasEverythingAndLoadsNothing) {
  const TrainedModel popularity = train("popularity"), mf = train("mf");
  Groups region{.by = "<region>"};
  for (uint32_t user = 0; user < PlantedWorld::kUsers; ++user) {
    region.group_of.push_back(region.add(user % 2 == 0 ? "a & b" : "\"c\""));
  }
  std::vector<Report> reports;
  for (const Model* model : {popularity.model.get(), mf.model.get()}) {
    EvaluateJob asked = job(*model);
    asked.user_groups = {&region, 1};
    reports.push_back(evaluate(asked));
  }
  const auto comparison = compare(std::move(reports), pool_);
  ASSERT_TRUE(comparison);
  const std::string page = to_html(*comparison);
  EXPECT_THAT(page, AllOf(HasSubstr("<svg"), HasSubstr("ndcg@5"), HasSubstr("rmse"),
                          HasSubstr("prefers-color-scheme"), HasSubstr("&lt;region&gt;"),
                          HasSubstr("a &amp; b"), HasSubstr("Difference to popularity")));
  EXPECT_THAT(page,
              AllOf(Not(HasSubstr("http")), Not(HasSubstr("<script")), Not(HasSubstr("nan"))));
  const std::string text = to_markdown(*comparison);
  EXPECT_THAT(text, AllOf(HasSubstr("| rmse |"), HasSubstr("| gini@5 |"), HasSubstr("<region>")));
}

}  // namespace
}  // namespace palate
