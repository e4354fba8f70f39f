#include "models/contract.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "features/catalogue.h"
#include "features/spec.h"

namespace palate {
namespace {

bool same_bits(const std::vector<Scored>& a, const std::vector<Scored>& b) {
  return std::ranges::equal(a, b, [](const Scored& x, const Scored& y) {
    return x.item == y.item && std::bit_cast<uint32_t>(x.score) == std::bit_cast<uint32_t>(y.score);
  });
}

std::vector<Scored> top(const Model& model, const Query& query, size_t k, ItemFilter filter = {}) {
  Scratch scratch;
  const TopKRequest request{query, filter, k};
  return model.top_k({&request, 1}, scratch)[0];
}

std::vector<ItemIx> items_of(const std::vector<Scored>& list) {
  std::vector<ItemIx> items;
  for (const Scored& scored : list) items.push_back(scored.item);
  return items;
}

class ModelContract : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto trained = train_for_test(GetParam(), DatasetView(world_.data));
    ASSERT_TRUE(trained) << trained.error().message;
    trained_.emplace(std::move(*trained));
  }
  const Model& model() const { return *trained_->model; }

  PlantedWorld world_{7, needs_ratings(GetParam())};
  std::optional<TrainedModel> trained_;
};

TEST_P(ModelContract, InfoAgreesWithTheManifest) {
  const ModelInfo& info = model().info();
  EXPECT_EQ(info.kind, GetParam());
  EXPECT_EQ(info.version, trained_->artefact->manifest().version);
  EXPECT_EQ(info.items, PlantedWorld::kItems);
}

TEST_P(ModelContract, LearnsThePlantedStructure) {
  // Favourites of each group lead the list of a model that is the same for all …
  if (!model().info().personalized) {
    const auto best = items_of(top(model(), world_.query(0), 2));
    EXPECT_THAT(best,
                ::testing::UnorderedElementsAre(ItemIx{0}, ItemIx{PlantedWorld::kGroupItems}));
    return;
  }
  // … and a personal one keeps to the user's group, among items the user has not seen.
  for (uint32_t user = 0; user < 20; ++user) {
    const Query query = world_.query(user);
    ItemBitmap seen(1, 0);
    for (const auto& entry : query.history) seen[0] |= uint64_t{1} << entry.item.value;
    const auto best = top(model(), query, 8, {seen});
    const auto own = std::ranges::count_if(best, [&](const Scored& scored) {
      return PlantedWorld::group_of_item(scored.item) == PlantedWorld::group_of_user(user);
    });
    EXPECT_EQ(best.size(), 8u);
    EXPECT_GE(own, 7) << "user " << user;
  }
}

TEST_P(ModelContract, ListsAreSortedAndScoresAgree) {
  for (uint32_t user = 0; user < 10; ++user) {
    const Query query = world_.query(user);
    const auto list = top(model(), query, PlantedWorld::kItems);
    EXPECT_TRUE(std::ranges::is_sorted(list, [](const Scored& a, const Scored& b) {
      return a.score != b.score ? a.score > b.score : a.item < b.item;
    }));
    const auto items = items_of(list);
    std::vector<float> scores(items.size());
    Scratch scratch;
    model().score(query, items, scores, scratch);
    for (size_t i = 0; i < items.size(); ++i) {
      EXPECT_NEAR(scores[i], list[i].score, 1e-4 * std::max(1.0f, std::abs(scores[i])));
    }
  }
}

TEST_P(ModelContract, AShorterListIsTheHeadOfALongerOne) {
  const Query query = world_.query(3);
  const auto all = top(model(), query, PlantedWorld::kItems);
  for (size_t k : {0, 1, 5, 17}) {
    const auto head = top(model(), query, k);
    EXPECT_TRUE(same_bits(head, {all.begin(), all.begin() + static_cast<ptrdiff_t>(k)})) << k;
  }
}

TEST_P(ModelContract, SaveAndLoadGiveTheSameBits) {
  const auto copy = trained_->path.string() + "-moved";
  std::filesystem::copy(trained_->path, copy, std::filesystem::copy_options::recursive);
  auto artefact = Artefact::open(copy);
  ASSERT_TRUE(artefact) << artefact.error().message;
  auto again = load_model(*artefact);
  ASSERT_TRUE(again) << again.error().message;
  for (uint32_t user = 0; user < 20; ++user) {
    EXPECT_TRUE(
        same_bits(top(model(), world_.query(user), 20), top(**again, world_.query(user), 20)));
  }
  std::filesystem::remove_all(copy);
}

TEST_P(ModelContract, UnknownItemsAndUsersAreAnsweredFor) {
  Scratch scratch;
  const std::vector<ItemIx> items{{0}, {PlantedWorld::kItems}, {4'000'000'000}, ItemIx{}};
  std::vector<float> scores(items.size(), 1);
  model().score(world_.query(0), items, scores, scratch);
  EXPECT_NE(scores[0], kUnknownScore);
  for (size_t i = 1; i < items.size(); ++i) EXPECT_EQ(scores[i], kUnknownScore) << i;

  // A history that names items which came after training is as good as none …
  std::vector<HistoryEntry> later(1);
  later[0].item = {PlantedWorld::kItems + 5};
  later[0].preference = 1;
  Query query;
  query.history = later;
  EXPECT_EQ(model().can_answer(query), !model().info().personalized);
  (void)top(model(), query, 5);
  // … and mixed with known ones it changes nothing.
  std::vector<HistoryEntry> mixed(world_.query(1).history.begin(), world_.query(1).history.end());
  mixed.push_back(later[0]);
  query = world_.query(1);
  query.history = mixed;
  EXPECT_TRUE(same_bits(top(model(), query, 9), top(model(), world_.query(1), 9)));
}

TEST_P(ModelContract, AnEmptyHistoryIsSaidAndDoesNoHarm) {
  const Query nobody;
  EXPECT_EQ(model().can_answer(nobody), !model().info().personalized);
  const auto list = top(model(), nobody, 5);
  if (!model().info().personalized) {
    EXPECT_EQ(list.size(), 5u);
  }
}

TEST_P(ModelContract, FiltersAreHonoured) {
  const Query query = world_.query(4);
  const auto all = top(model(), query, PlantedWorld::kItems);
  ItemBitmap blocked(1, 0);
  std::vector<Scored> expected;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i % 3 == 0) {
      blocked[0] |= uint64_t{1} << all[i].item.value;
    } else {
      expected.push_back(all[i]);
    }
  }
  EXPECT_TRUE(same_bits(top(model(), query, PlantedWorld::kItems, {blocked}), expected));
  const ItemBitmap everything(1, ~uint64_t{0});
  EXPECT_TRUE(top(model(), query, 5, {everything}).empty());
}

TEST_P(ModelContract, MoreThanTheCatalogueGivesWhatIsKnown) {
  const auto list = top(model(), world_.query(2), 10 * PlantedWorld::kItems);
  auto items = items_of(list);
  std::ranges::sort(items);
  EXPECT_EQ(std::ranges::adjacent_find(items), items.end());
  // Items without a training interaction are left out.
  EXPECT_EQ(items.size(), 2 * PlantedWorld::kGroupItems);
  EXPECT_EQ(items.back().value, 2 * PlantedWorld::kGroupItems - 1);
}

TEST_P(ModelContract, ABatchEqualsOneByOne) {
  std::vector<TopKRequest> batch;
  const ItemBitmap blocked(1, 0x0f0f0f);
  for (uint32_t user = 0; user < 37; ++user) {
    batch.push_back({world_.query(user), user % 2 == 0 ? ItemFilter{} : ItemFilter{blocked},
                     user % 5 == 0 ? size_t{0} : user});
  }
  Scratch scratch;
  const auto together = model().top_k(batch, scratch);
  ASSERT_EQ(together.size(), batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_TRUE(same_bits(together[i], model().top_k({&batch[i], 1}, scratch)[0])) << i;
  }
  EXPECT_TRUE(model().top_k({}, scratch).empty());
}

// A model may keep what it has computed for somebody.
TEST_P(ModelContract, WhoAsksChangesNothing) {
  for (const uint32_t user : {0U, 1U, 0U, 0U}) {
    Query query = world_.query(user);
    for (const size_t length : {query.history.size(), size_t{1}, size_t{0}}) {
      query.history = query.history.first(std::min(length, query.history.size()));
      query.user = {};
      const bool can = model().can_answer(query);
      const auto list = top(model(), query, 10);
      query.user.words = {4711, 4711};
      for (int again = 0; again < 2; ++again) {
        EXPECT_EQ(model().can_answer(query), can);
        EXPECT_TRUE(same_bits(top(model(), query, 10), list)) << user << ' ' << length;
      }
    }
  }
}

TEST_P(ModelContract, ThreadsGetTheSameAnswers) {
  std::vector<std::vector<Scored>> expected;
  for (uint32_t user = 0; user < 40; ++user)
    expected.push_back(top(model(), world_.query(user), 9));
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (uint32_t user = 0; user < 40; ++user) {
          wrong += !same_bits(top(model(), world_.query(user), 9), expected[user]);
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST_P(ModelContract, OneSeedGivesOneResultOnAnyNumberOfThreads) {
  for (size_t threads : {1, 3}) {
    auto again =
        train_for_test(GetParam(), DatasetView(world_.data), {.seed = 1, .threads = threads});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->artefact->manifest().checksums, trained_->artefact->manifest().checksums)
        << threads << " threads";
  }
}

TEST_P(ModelContract, SimilarInABatchIsToTheBitAsOneByOne) {
  Scratch scratch;
  std::vector<uint64_t> blocked{0b1010'0110};
  std::vector<SimilarTo> batch;
  for (uint32_t item = 0; item < PlantedWorld::kItems + 2; ++item) {
    batch.push_back({{item}, item % 2 == 0 ? ItemFilter{} : ItemFilter{blocked}, item % 9});
  }
  batch.push_back({{2}, {}, std::numeric_limits<size_t>::max()});
  const auto together = model().similar_batch(batch, scratch);
  ASSERT_EQ(together.size(), batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto& [item, filter, k, nearly] = batch[i];
    const auto alone = model().similar(item, k, filter, scratch);
    ASSERT_EQ(together[i].has_value(), alone.has_value()) << i;
    if (alone) {
      EXPECT_TRUE(same_bits(*together[i], *alone)) << i;
      EXPECT_LE(alone->size(), k);
      for (const Scored& one : *alone) EXPECT_FALSE(one.item == item || filter.blocks(one.item));
    } else {
      EXPECT_EQ(together[i].error().code, alone.error().code) << i;
    }
  }
}

TEST_P(ModelContract, CapabilitiesAreWhatInfoSays) {
  Scratch scratch;
  const ItemIx item{2};
  const auto similar = model().similar(item, 6, {}, scratch);
  if (model().info().can_similar) {
    ASSERT_TRUE(similar) << similar.error().message;
    EXPECT_EQ(similar->size(), 6u);
    const auto own = std::ranges::count_if(*similar, [&](const Scored& scored) {
      return PlantedWorld::group_of_item(scored.item) == PlantedWorld::group_of_item(item);
    });
    EXPECT_GE(own, 5);
    EXPECT_THAT(items_of(*similar), ::testing::Not(::testing::Contains(item)));
    const auto unknown = model().similar({PlantedWorld::kItems}, 6, {}, scratch);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Code::kNotFound);
  } else {
    ASSERT_FALSE(similar);
    EXPECT_EQ(similar.error().code, Code::kUnavailable);
  }
  const auto reasons = model().explain(world_.query(0), item, 3, scratch);
  EXPECT_EQ(reasons.has_value(), model().info().can_explain);
  if (reasons) {
    EXPECT_LE(reasons->size(), 3u);
  }
  const auto vector = model().user_vector(world_.query(0), scratch);
  EXPECT_EQ(vector.has_value(), model().info().dimensions > 0);
  if (vector) {
    EXPECT_EQ(vector->size(), model().info().dimensions);
    std::vector<float> of_item(vector->size());
    ASSERT_TRUE(model().item_vector(item, of_item));
    float score = 0;
    model().score(world_.query(0), {&item, 1}, {&score, 1}, scratch);
    const float product = std::inner_product(vector->begin(), vector->end(), of_item.begin(), 0.0F);
    EXPECT_NEAR(product, score, 1e-4F * (1 + std::abs(score)));
    EXPECT_FALSE(model().item_vector({0xffffff}, of_item));
  }
}

TEST_P(ModelContract, TheManifestSaysWhatItWasMadeFrom) {
  const Manifest& manifest = trained_->artefact->manifest();
  EXPECT_EQ(manifest.kind, GetParam());
  EXPECT_EQ(manifest.items, world_.data.items());
  EXPECT_EQ(manifest.dictionary, world_.data.dictionary_hash());
  EXPECT_EQ(manifest.event_types, fmt::format("{:016x}", world_.data.event_types()));
  EXPECT_EQ(manifest.feature_spec, fmt::format("{:016x}", feature_spec_hash()));
  EXPECT_EQ(manifest.seed, 1u);
  EXPECT_FALSE(manifest.code_version.empty());
  EXPECT_FALSE(nlohmann::json::parse(manifest.config_json).empty());
  const auto seen = nlohmann::json::parse(manifest.details_json)["seen"];
  EXPECT_EQ(seen["interactions"], world_.data.interactions());
}

TEST_P(ModelContract, NothingToLearnFromIsAnError) {
  const auto empty = Dataset::from_rows(3, {0, 0, 0}, {}, TimeKind::kReal);
  const auto trained = train_for_test(GetParam(), DatasetView(empty));
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, Code::kInvalidArgument);
}

TEST_P(ModelContract, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  ThreadPool pool(2);
  const DatasetView view(world_.data);
  const ModelConfigs configs = TrainOptions::small_configs();
  auto writer = ArtefactWriter::create(trained_->path.string() + "-stopped");
  ASSERT_TRUE(writer) << writer.error().message;
  const auto trained = train_model(
      GetParam(),
      {.data = &view, .configs = &configs, .pool = &pool, .stop = stop.get_token(), .seed = 1},
      *writer);
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, Code::kCancelled);
}

std::vector<std::string> kinds() {
  std::vector<std::string> names;
  for (const TrainerEntry& entry : trainer_catalogue()) {
    if (can_be_trained(entry.kind)) names.emplace_back(entry.kind);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Catalogue, ModelContract, ::testing::ValuesIn(kinds()),
                         [](const auto& kind) { return kind.param; });

TEST(ModelCatalogue, BothCataloguesHaveTheSameRows) {
  std::vector<std::string> scoring;
  for (const ModelEntry& entry : model_catalogue()) scoring.emplace_back(entry.kind);
  std::vector<std::string> training;
  for (const TrainerEntry& entry : trainer_catalogue()) training.emplace_back(entry.kind);
  EXPECT_EQ(scoring, training);
}

TEST(ModelCatalogue, AnUnknownKindIsNamed) {
  const PlantedWorld world(1);
  const auto trained = train_for_test("oracle", DatasetView(world.data));
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, Code::kNotFound);
  EXPECT_THAT(trained.error().message, ::testing::HasSubstr("'oracle'"));
  EXPECT_THAT(trained.error().message, ::testing::HasSubstr("popularity"));
}

}  // namespace
}  // namespace palate
