#include "evaluate/evaluate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "evaluate/ranking_run.h"
#include "evaluate/report.h"
#include "evaluate/test_set.h"
#include "evaluate/trained_on.h"
#include "models/contract.h"

namespace palate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

double value_of(const Report& report, const std::string& name, size_t k) {
  for (const MetricValue& metric : report.metrics) {
    if (metric.name == name && metric.k == k) return metric.value.mean;
  }
  ADD_FAILURE() << "no " << name << "@" << k;
  return -1;
}

// The planted world with the later third of each user's rows as test.
class EvaluateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made =
        make_split(world_.data, {.kind = SplitKind::kHoldOut, .test_share = 0.3, .seed = 4});
    ASSERT_TRUE(made) << made.error().message;
    split_ = std::move(*made);
  }
  TrainedModel train(std::string_view kind) {
    auto trained = train_for_test(kind, DatasetView(world_.data, split_->train));
    EXPECT_TRUE(trained) << trained.error().message;
    return std::move(*trained);
  }
  EvaluateJob job(const TrainedModel& trained, ThreadPool& pool) {
    auto seen = trained_on(trained.artefact->manifest());
    EXPECT_TRUE(seen);
    return {.model = trained.model.get(),
            .data = &world_.data,
            .split = &*split_,
            .trained_on = *seen,
            .options = {.ks = {1, 5, 10}, .bootstrap_samples = 100},
            .pool = &pool,
            .stop = {}};
  }
  Report evaluate(const TrainedModel& trained) {
    auto report = evaluate_model(job(trained, pool_));
    EXPECT_TRUE(report) << report.error().message;
    return report ? std::move(*report) : Report{};
  }

  PlantedWorld world_{11};
  std::optional<Split> split_;
  ThreadPool pool_{2};
};

// Recall and NDCG again, in the plainest words: one user after the other, one by one.
struct Plain {
  double recall = 0, ndcg = 0, users = 0;
};
Plain plain_metrics(const Model& model, const Dataset& data, const Split& split, size_t k) {
  Plain sum;
  for (uint32_t user = 0; user < data.users(); ++user) {
    std::vector<HistoryEntry> history;
    std::set<uint32_t> trained, relevant;
    uint64_t bit = data.row_start()[user];
    for (const auto& row : data.of({user})) {
      if ((*split.train)[bit]) {
        history.push_back(row);
        trained.insert(row.item.value);
      } else if ((*split.test)[bit] && row.preference > 0) {
        relevant.insert(row.item.value);
      }
      ++bit;
    }
    for (uint32_t item : trained) relevant.erase(item);
    if (relevant.empty()) continue;
    Query query;
    query.history = history;
    Scratch scratch;
    TopKRequest everything{query, {}, data.items()};
    std::vector<uint32_t> list;
    const auto answers = model.top_k({&everything, 1}, scratch);
    for (const Scored& scored : answers[0]) {
      if (!trained.contains(scored.item.value)) list.push_back(scored.item.value);
    }
    double hits = 0, dcg = 0, ideal = 0;
    for (size_t i = 0; i < std::min(k, list.size()); ++i) {
      if (!relevant.contains(list[i])) continue;
      ++hits;
      dcg += 1 / std::log2(static_cast<double>(i) + 2);
    }
    for (size_t i = 0; i < std::min(k, relevant.size()); ++i) {
      ideal += 1 / std::log2(static_cast<double>(i) + 2);
    }
    sum.recall += hits / static_cast<double>(relevant.size());
    sum.ndcg += dcg / ideal;
    sum.users += 1;
  }
  return {sum.recall / sum.users, sum.ndcg / sum.users, sum.users};
}

TEST_F(EvaluateTest, AgreesWithAPlainReference) {
  for (const char* kind : {"popularity", "als"}) {
    const TrainedModel trained = train(kind);
    const Report report = evaluate(trained);
    for (size_t k : {1, 5, 10}) {
      const Plain plain = plain_metrics(*trained.model, world_.data, *split_, k);
      EXPECT_NEAR(value_of(report, "recall", k), plain.recall, 1e-9) << kind;
      EXPECT_NEAR(value_of(report, "ndcg", k), plain.ndcg, 1e-9) << kind;
      EXPECT_EQ(static_cast<double>(report.users), plain.users);
    }
  }
}

TEST_F(EvaluateTest, EveryMetricHasAnIntervalAroundItsMean) {
  const Report report = evaluate(train("als"));
  EXPECT_EQ(report.metrics.size(), 10u * 3u);
  for (const MetricValue& metric : report.metrics) {
    EXPECT_LE(metric.value.low, metric.value.mean) << metric.name;
    EXPECT_GE(metric.value.high, metric.value.mean) << metric.name;
    if (metric.name == "novelty" || metric.name == "popularity_lift") continue;
    EXPECT_GE(metric.value.low, 0) << metric.name;
    EXPECT_LE(metric.value.high, 1) << metric.name;
  }
  EXPECT_GT(value_of(report, "coverage", 10), 0.5);
}

TEST_F(EvaluateTest, IsTheSameOnAnyNumberOfThreads) {
  const TrainedModel trained = train("als");
  ThreadPool one(1), three(3);
  const auto a = evaluate_model(job(trained, one));
  const auto b = evaluate_model(job(trained, three));
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->user_values, b->user_values);
  for (size_t i = 0; i < a->metrics.size(); ++i) {
    EXPECT_EQ(a->metrics[i].value.mean, b->metrics[i].value.mean);
    EXPECT_EQ(a->metrics[i].value.low, b->metrics[i].value.low);
    EXPECT_EQ(a->metrics[i].value.high, b->metrics[i].value.high);
  }
}

TEST_F(EvaluateTest, APlantedLeakIsFound) {
  // Trained on everything: the test part was visible.
  auto leaky = train_for_test("popularity", DatasetView(world_.data));
  ASSERT_TRUE(leaky) << leaky.error().message;
  const auto report = evaluate_model(job(*leaky, pool_));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kInternal);
  EXPECT_THAT(report.error().message, AllOf(HasSubstr("popularity"), HasSubstr("test rows")));

  // One row of the test part among the training rows is enough.
  auto keep = std::make_shared<std::vector<bool>>(*split_->train);
  const auto leaked = std::ranges::find(*split_->test, true) - split_->test->begin();
  (*keep)[static_cast<size_t>(leaked)] = true;
  auto one_row = train_for_test("als", DatasetView(world_.data, keep));
  ASSERT_TRUE(one_row) << one_row.error().message;
  const auto again = evaluate_model(job(*one_row, pool_));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kInternal);
}

TEST_F(EvaluateTest, AModelOfAnotherSplitIsRefused) {
  const TrainedModel trained = train("popularity");
  split_ = *make_split(world_.data, {.kind = SplitKind::kHoldOut, .test_share = 0.3, .seed = 5});
  EXPECT_FALSE(evaluate_model(job(trained, pool_)));
}

TEST_F(EvaluateTest, AManifestWithoutSeenIsRefused) {
  Manifest manifest;
  for (const char* details :
       {"{}", "[]", R"({"seen":{"interactions":1}})",
        R"({"seen":{"interactions":1,"fingerprint":"xyz","newest_ts_us":1,"newest_offset":1}})"}) {
    manifest.details_json = details;
    const auto seen = trained_on(manifest);
    ASSERT_FALSE(seen) << details;
    EXPECT_EQ(seen.error().code, Code::kCorrupt);
  }
}

TEST_F(EvaluateTest, OptionsAreChecked) {
  const TrainedModel trained = train("popularity");
  for (const auto& ks : {std::vector<size_t>{},
                         {0},
                         {kEvaluateKMax + 1},
                         std::vector<size_t>(kEvaluateKsMax + 1, 5)}) {
    EvaluateJob asked = job(trained, pool_);
    asked.options.ks = ks;
    const auto report = evaluate_model(asked);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Code::kInvalidArgument);
  }
}

TEST_F(EvaluateTest, StopsWhenAsked) {
  const TrainedModel trained = train("popularity");
  std::stop_source stop;
  stop.request_stop();
  EvaluateJob asked = job(trained, pool_);
  asked.stop = stop.get_token();
  const auto report = evaluate_model(asked);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCancelled);
}

TEST_F(EvaluateTest, ComparesWithThePairedDifference) {
  std::vector<Report> reports{evaluate(train("popularity")), evaluate(train("als"))};
  const auto comparison = compare(std::move(reports), pool_);
  ASSERT_TRUE(comparison) << comparison.error().message;
  ASSERT_EQ(comparison->differences.size(), 1u);
  const Difference& difference = comparison->differences[0];
  EXPECT_EQ(difference.kind, "als");
  for (size_t i = 0; i < difference.metrics.size(); ++i) {
    EXPECT_NEAR(
        difference.metrics[i].value.mean,
        comparison->reports[1].metrics[i].value.mean - comparison->reports[0].metrics[i].value.mean,
        1e-12);
  }
  // Two taste groups: half of what is popular is wrong for everybody.
  const auto recall_10 = std::ranges::find_if(difference.metrics, [](const MetricValue& metric) {
    return metric.name == "recall" && metric.k == 10;
  });
  EXPECT_GT(recall_10->value.low, 0);
  EXPECT_LT(recall_10->p, 1e-3);

  const std::string markdown = to_markdown(*comparison);
  EXPECT_THAT(markdown, AllOf(HasSubstr("| recall@10 |"), HasSubstr("| coverage@5 |"),
                              HasSubstr("leak check passed"), HasSubstr("Difference to popularity"),
                              HasSubstr(split_->describe())));
  const auto json = nlohmann::json::parse(to_json(*comparison));
  EXPECT_EQ(json["reports"].size(), 2u);
  EXPECT_EQ(json["reports"][1]["model"]["kind"], "als");
  EXPECT_EQ(json["reports"][0]["metrics"].size(), 30u);
  EXPECT_EQ(json["differences"][0]["metrics"].size(), 27u);
}

TEST_F(EvaluateTest, ReportsOfDifferentRunsAreNotCompared) {
  std::vector<Report> reports{evaluate(train("popularity"))};
  split_ = *make_split(world_.data, {.kind = SplitKind::kHoldOut, .test_share = 0.3, .seed = 5});
  reports.push_back(evaluate(train("popularity")));
  EXPECT_FALSE(compare(std::move(reports), pool_));
  EXPECT_FALSE(compare({}, pool_));
}

// Rows of one user, in order: item, preference, and whether they are test.
struct Row {
  uint32_t item;
  float preference;
  bool test;
};
struct SmallSplit {
  Dataset data;
  Split split;
};
SmallSplit small_split(const std::vector<std::vector<Row>>& users) {
  std::vector<uint64_t> start{0};
  std::vector<HistoryEntry> rows;
  auto train = std::make_shared<std::vector<bool>>();
  auto test = std::make_shared<std::vector<bool>>();
  for (const auto& user : users) {
    for (const Row& row : user) {
      HistoryEntry entry;
      entry.item = {row.item};
      entry.type = {0};
      entry.preference = row.preference;
      entry.ts = {static_cast<int64_t>(rows.size())};
      entry.offset = rows.size();
      rows.push_back(entry);
      train->push_back(!row.test);
      test->push_back(row.test);
    }
    start.push_back(rows.size());
  }
  return {Dataset::from_rows(8, std::move(start), std::move(rows), TimeKind::kNone),
          {SplitKind::kHoldOut, {}, train, test}};
}

TEST(TestSet, RelevantIsNewAndLikedAndDistinct) {
  const auto [data, split] = small_split({
      {{1, 1, false}, {1, 1, true}, {3, 1, true}, {3, 2, true}, {2, 1, true}, {4, -1, true}},
      {{1, 1, false}, {1, 1, true}},   // nothing new
      {{1, 1, false}, {2, -1, true}},  // nothing liked
      {{1, 1, false}},                 // nothing in the test part
      {{5, 1, true}},                  // no training row
      {{6, -1, false}, {6, 1, true}},  // changed his mind about something he had
  });
  const TestSet set = make_test_set(data, split);
  EXPECT_THAT(set.users, ::testing::ElementsAre(UserIx{0}, UserIx{4}));
  EXPECT_THAT(set.of(0), ::testing::ElementsAre(2, 3));
  EXPECT_THAT(set.of(1), ::testing::ElementsAre(5));
  EXPECT_EQ(set.users_left_out, 3u);
  EXPECT_EQ(set.test_interactions, 9u);
}

TEST(EvaluateColdUsers, TheFallbackAnswersForThemAndTheyAreCounted) {
  const auto [data, split] = small_split({
      {{0, 1, false}, {1, 1, false}, {2, 1, true}},
      {{0, 1, false}, {2, 1, false}, {1, 1, true}},
      {{0, 1, true}},
  });
  const DatasetView view(data, split.train);
  auto als = train_for_test("als", view);
  auto popularity = train_for_test("popularity", view);
  ASSERT_TRUE(als) << als.error().message;
  ASSERT_TRUE(popularity) << popularity.error().message;
  ThreadPool pool(1);
  EvaluateJob job{.model = als->model.get(),
                  .data = &data,
                  .split = &split,
                  .trained_on = view.seen(),
                  .options = {.ks = {1}, .bootstrap_samples = 10},
                  .pool = &pool,
                  .stop = {}};
  const auto alone = evaluate_model(job);
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_EQ(alone->users, 3u);
  EXPECT_EQ(alone->users_fallback, 1u);
  EXPECT_EQ(alone->user_values[2 * kUserMetrics.size()], 0.0);
  job.fallback = popularity->model.get();
  const auto together = evaluate_model(job);
  ASSERT_TRUE(together);
  EXPECT_EQ(together->users_fallback, 1u);
  EXPECT_EQ(together->user_values[2 * kUserMetrics.size()], 1.0);  // item 0 is the most popular
}

TEST(EvaluateSeen, SeenItemsAreCandidatesWhenAsked) {
  const auto [data, split] = small_split({
      {{0, 1, false}, {1, 1, true}},
      {{0, 1, false}},
      {{0, 1, false}, {1, 1, false}},
  });
  const DatasetView view(data, split.train);
  auto popularity = train_for_test("popularity", view);
  ASSERT_TRUE(popularity) << popularity.error().message;
  ThreadPool pool(1);
  EvaluateJob job{.model = popularity->model.get(),
                  .data = &data,
                  .split = &split,
                  .trained_on = view.seen(),
                  .options = {.ks = {1}, .bootstrap_samples = 10},
                  .pool = &pool,
                  .stop = {}};
  EXPECT_EQ(value_of(*evaluate_model(job), "recall", 1), 1.0);
  job.options.exclude_seen = false;
  EXPECT_EQ(value_of(*evaluate_model(job), "recall", 1), 0.0);
}

TEST(EvaluateNobody, IsAnError) {
  const auto [data, split] = small_split({{{0, 1, false}, {0, 1, true}}, {{1, 1, false}}});
  const DatasetView view(data, split.train);
  auto popularity = train_for_test("popularity", view);
  ASSERT_TRUE(popularity);
  ThreadPool pool(1);
  const auto report = evaluate_model({.model = popularity->model.get(),
                                      .data = &data,
                                      .split = &split,
                                      .trained_on = view.seen(),
                                      .options = {},
                                      .pool = &pool,
                                      .stop = {}});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace palate
