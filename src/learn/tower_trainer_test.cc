#include "learn/tower_trainer.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unistd.h>

#include <gtest/gtest.h>

#include "math/philox.h"

namespace palate {
namespace {

constexpr uint32_t kWidth = 8, kItems = 30, kTermRows = 16, kSubwordRows = 32;

// Users of two groups like items of their own half; terms and texts say which half an item is of.
TowerExamples two_groups() {
  TowerExamples out;
  Philox random(5);
  for (uint32_t user = 0; user < 80; ++user) {
    std::set<uint32_t> mine;
    while (mine.size() < 6) mine.insert(user % 2 * kItems / 2 + random.below(kItems / 2));
    const std::vector<uint32_t> list(mine.begin(), mine.end());
    out.liked.add(list);
    const uint32_t trait = 1 + user % 2;
    out.profiles.add(user % 3 == 0 ? std::span<const uint32_t>() : std::span(&trait, 1));
  }
  for (uint32_t item = 0; item < kItems; ++item) {
    const uint32_t half = item / (kItems / 2);
    const std::vector<uint32_t> terms{1 + half, 3 + item % 5}, words{1 + half, 4 + item % 7};
    out.terms.add(terms);
    if (item % 4 != 0) out.texts.add(words);
    out.text_start.push_back(out.texts.size());
  }
  return out;
}

TrainableNetwork item_net() {
  TrainableNetwork plan;
  const auto field = [&](const char* name, Pooling pooling, uint32_t rows) {
    plan.spec.sparse.push_back({name, FieldOwner::kCandidate, pooling, rows, kWidth});
    plan.spec.ops.push_back({.kind = OpKind::kEmbed,
                             .name = std::string("item_") + name,
                             .width = kWidth,
                             .field = static_cast<uint32_t>(plan.spec.sparse.size() - 1)});
  };
  field("item", Pooling::kOne, kItems + 1);
  field("terms", Pooling::kMean, kTermRows);
  field("subwords", Pooling::kMean, kSubwordRows);
  plan.spec.ops.push_back(
      {.kind = OpKind::kAdd, .name = "item_sum", .inputs = {0, 1, 2}, .width = kWidth});
  plan.spec.outputs = {{.name = "item", .value = 3}};
  plan.training.resize(plan.spec.ops.size());
  return plan;
}

TrainableNetwork user_net() {
  TrainableNetwork plan;
  plan.spec.dense = {{"history", FieldOwner::kRequest, kWidth}};
  plan.spec.sparse = {{"profile", FieldOwner::kRequest, Pooling::kSum, 3, kWidth}};
  plan.spec.ops = {
      {.kind = OpKind::kDense, .name = "user_history", .width = kWidth},
      {.kind = OpKind::kEmbed, .name = "user_profile", .width = kWidth},
      {.kind = OpKind::kConcat, .name = "user_all", .inputs = {0, 1}, .width = 2 * kWidth},
      {.kind = OpKind::kLinear, .name = "user_linear", .inputs = {2}, .width = kWidth}};
  plan.spec.outputs = {{.name = "user", .value = 3}};
  plan.training.resize(plan.spec.ops.size());
  return plan;
}

TowerOptions quick() {
  TowerOptions options;
  options.batches = {.rows = 64, .negatives = 8, .history = 10};
  options.id_dropout = 0.2;
  options.tables = {.rule = Rule::kAdagrad, .learning_rate = 0.1};
  options.table.sigma = 0.1;
  return options;
}

std::vector<float> written(const TowerTrainer& trainer, const std::string& name) {
  const Path path =
      std::filesystem::temp_directory_path() / fmt::format("palate-towers-{}-{}", getpid(), name);
  auto out = ArtefactWriter::create(path);
  EXPECT_TRUE(out);
  trainer.write(*out);
  EXPECT_TRUE(out->commit());
  const auto artefact = Artefact::open(path);
  EXPECT_TRUE(artefact);
  const auto table = (*artefact)->tensor(name, DType::kF32, 2);
  EXPECT_TRUE(table);
  const auto* data = reinterpret_cast<const float*>(table->bytes.data());
  std::vector<float> copy(data, data + table->bytes.size() / sizeof(float));
  std::filesystem::remove_all(path);
  return copy;
}

struct Trained {
  double first = 0, last = 0;
  std::vector<float> items, terms;
};
Trained train(size_t threads, bool normalize) {
  const TowerExamples examples = two_groups();
  ThreadPool pool(threads);
  TowerOptions options = quick();
  options.normalize = normalize;
  options.temperature = normalize ? 0.2 : 1;
  auto trainer = TowerTrainer::create({user_net(), item_net()}, examples, options, pool);
  EXPECT_TRUE(trainer) << trainer.error().message;
  Trained out;
  EXPECT_TRUE(std::isfinite(trainer->text_epoch()));
  out.first = trainer->epoch();
  for (int i = 0; i < 20; ++i) out.last = trainer->epoch();
  out.items = written(*trainer, "table.item");
  out.terms = written(*trainer, "table.terms");
  return out;
}

TEST(TowerTrainer, LearnsWhoLikesWhat) {
  for (const bool normalize : {false, true}) {
    const Trained trained = train(2, normalize);
    EXPECT_LT(trained.last, 0.9 * trained.first) << normalize;
    // A batch has nearly all items: who knows a user's half is left with one of 15 items.
    EXPECT_LT(trained.last, std::log(15.0) + 0.3) << normalize;
  }
}

TEST(TowerTrainer, ThreadsChangeNoBit) {
  const Trained one = train(1, true), three = train(3, true);
  EXPECT_EQ(one.items, three.items);
  EXPECT_EQ(one.terms, three.terms);
  EXPECT_EQ(one.last, three.last);
}

// Without ids of its own no item has learnt anything but what stands for one that is new.
TEST(TowerTrainer, RowsThatNoStepTouchedAreTheFirst) {
  const TowerExamples examples = two_groups();
  ThreadPool pool(1);
  for (const double dropout : {0.0, 1.0}) {
    TowerOptions options = quick();
    options.id_dropout = dropout;
    auto trainer = TowerTrainer::create({user_net(), item_net()}, examples, options, pool);
    ASSERT_TRUE(trainer) << trainer.error().message;
    trainer->epoch();
    const std::vector<float> items = written(*trainer, "table.item");
    const auto row = [&](size_t at) { return std::span(items).subspan(at * kWidth, kWidth); };
    const bool zeros = std::ranges::all_of(row(0), [](float x) { return x == 0; });
    EXPECT_EQ(zeros, dropout == 0) << "row 0 is read by items that are taken for new";
    for (size_t at = 1; at <= kItems; ++at) {
      EXPECT_EQ(std::ranges::equal(row(at), row(0)), dropout == 1) << at;
    }
  }
}

// Adam's first steps are as long whether texts were learnt before or not.
TEST(TowerTrainer, StepsOfTextsAreNoneOfTheNetworks) {
  const TowerExamples examples = two_groups();
  ThreadPool pool(1);
  TowerOptions options = quick();
  options.dense = {.rule = Rule::kAdam, .learning_rate = 1e-3};
  options.batches.rows = 512;  // an epoch is one step
  auto trainer = TowerTrainer::create({user_net(), item_net()}, examples, options, pool);
  ASSERT_TRUE(trainer) << trainer.error().message;
  const std::vector<float> before = written(*trainer, "user_linear.weight");
  for (int i = 0; i < 50; ++i) trainer->text_epoch();
  trainer->epoch();
  const std::vector<float> after = written(*trainer, "user_linear.weight");
  float farthest = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    farthest = std::max(farthest, std::abs(after[i] - before[i]));
  }
  EXPECT_NEAR(farthest, 1e-3, 1e-5);
}

TEST(TowerTrainer, RowsThatNobodyHasAreZeros) {
  const Trained trained = train(1, false);
  for (uint32_t row : {8U, 15U}) {  // terms are 1 to 7
    for (uint32_t d = 0; d < kWidth; ++d) EXPECT_EQ(trained.terms[row * kWidth + d], 0.0F);
  }
}

// Texts alone: an item's words and terms find each other.
TEST(TowerTrainer, TextsLearnWithoutLikes) {
  const TowerExamples examples = two_groups();
  ThreadPool pool(2);
  auto trainer = TowerTrainer::create({user_net(), item_net()}, examples, quick(), pool);
  ASSERT_TRUE(trainer) << trainer.error().message;
  const double first = trainer->text_epoch();
  double last = first;
  for (int i = 0; i < 60; ++i) last = trainer->text_epoch();
  EXPECT_LT(last, 0.85 * first);
}

TEST(TowerTrainer, NothingToLearnFromIsAnError) {
  TowerExamples examples = two_groups();
  examples.liked = {};
  examples.profiles = {};
  for (uint32_t user = 0; user < 3; ++user) {
    examples.liked.add(std::span(&user, 1));  // one item each, and nothing said of them
    examples.profiles.add({});
  }
  ThreadPool pool(1);
  const auto trainer = TowerTrainer::create({user_net(), item_net()}, examples, quick(), pool);
  ASSERT_FALSE(trainer);
  EXPECT_EQ(trainer.error().code, Code::kInvalidArgument);
}

TEST(TowerTrainer, OtherNetworksAreRefused) {
  const TowerExamples examples = two_groups();
  ThreadPool pool(1);
  EXPECT_FALSE(TowerTrainer::create({item_net(), user_net()}, examples, quick(), pool));
  TrainableNetwork narrow = item_net();
  narrow.spec.sparse[0].rows = kItems;  // one too few
  EXPECT_FALSE(TowerTrainer::create({user_net(), std::move(narrow)}, examples, quick(), pool));
}

}  // namespace
}  // namespace palate
