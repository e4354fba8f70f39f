#include "models/content/content.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "models/content/train.h"
#include "models/contract.h"
#include "models/words.h"

namespace palate {
namespace {

using ::testing::ElementsAre;

TEST(ContentWords, OfAnyLanguage) {
  EXPECT_THAT(words_of("The Hitch-Hiker's Guide, 2nd"),
              ElementsAre("the", "hitch", "hiker", "s", "guide", "2nd"));
  EXPECT_THAT(words_of("ÉCOLE Łódź ПРИВЕТ Ёлка ΑΒΓ"),
              ElementsAre("école", "łódź", "привет", "ёлка", "αβγ"));
  EXPECT_THAT(words_of("千と千尋 の神"), ElementsAre("千と", "と千", "千尋", "の神"));
  EXPECT_THAT(words_of("X線と ส"), ElementsAre("x", "線と", "ส"));
  EXPECT_THAT(words_of(""), ElementsAre());
}

RC_GTEST_PROP(ContentWords, AnyBytesGiveWordsAndNothingElse, (const std::string& bytes)) {
  for (const std::string& word : words_of(bytes)) {
    RC_ASSERT(!word.empty());
    RC_ASSERT(words_of(word) == std::vector<std::string>{word});
  }
}

ItemRecord record(std::string id, std::vector<std::string> tags) {
  ItemRecord out;
  out.id = std::move(id);
  out.tags = std::move(tags);
  return out;
}

std::unique_ptr<Catalogue> shelf() {
  auto catalogue = std::make_unique<Catalogue>();
  for (const auto& item :
       {record("a", {"red", "round"}), record("b", {"RED", "round", "rare"}),
        record("c", {"red", "blue"}), record("d", {"blue"}), record("e", {"alone"}),
        record("f", {}), record("g", {}), record("h", {})}) {
    if (!catalogue->apply(item)) std::abort();
  }
  return catalogue;
}

TEST(Content, TermsAreWeighedByHowRareTheyAre) {
  const auto catalogue = shelf();
  ContentConfig config;
  config.common_share = 1;
  const SparseMatrix by_item = item_terms(*catalogue, 9, config).transposed();
  ASSERT_EQ(by_item.rows, 9U);
  const auto terms = [&](size_t item) { return by_item.start[item + 1] - by_item.start[item]; };
  EXPECT_EQ(terms(0), 2U);
  EXPECT_EQ(terms(1), 2U);  // "rare" is of nobody else, and capitals make no other tag
  EXPECT_EQ(terms(4), 0U);
  EXPECT_EQ(terms(8), 0U);  // beyond the catalogue
  // log(9/3) for red, log(9/2) for round, made one long.
  const double red = std::log(3.0), round = std::log(4.5);
  const double length = std::sqrt(red * red + round * round);
  EXPECT_NEAR(by_item.value[0], red / length, 1e-5);
  EXPECT_NEAR(by_item.value[1], round / length, 1e-5);
  ThreadPool pool(2);
  const auto weights = content_fit(by_item.transposed(), config, {&pool, {}});
  ASSERT_TRUE(weights) << weights.error().message;
  // From a: b is the same, c shares red only, d nothing.
  ASSERT_EQ(weights->start[1] - weights->start[0], 2U);
  EXPECT_EQ(weights->index[0], 1U);
  EXPECT_NEAR(weights->value[0], 1, 1e-5);
  EXPECT_EQ(weights->index[1], 2U);
  EXPECT_LT(weights->value[1], 0.9F);
}

// Items of group 0 without any interaction are found by what is written about them.
TEST(Content, ColdItemsAreRecommended) {
  const PlantedWorld world(5);
  std::vector<bool> keep;
  for (uint32_t user = 0; user < PlantedWorld::kUsers; ++user) {
    for (const HistoryEntry& row : world.data.of({user})) keep.push_back(row.item.value % 4 != 3);
  }
  const auto some = std::make_shared<std::vector<bool>>(keep);
  const auto content = train_for_test("content", DatasetView(world.data, some));
  const auto ease = train_for_test("ease", DatasetView(world.data, some));
  ASSERT_TRUE(content && ease) << content.error().message;
  EXPECT_TRUE(content->model->info().cold_items);
  Query query = world.query(0);
  query.history = query.history.first(2);
  const ItemIx cold{3};
  float by_content = 0, by_ease = 0;
  Scratch scratch;
  content->model->score(query, {&cold, 1}, {&by_content, 1}, scratch);
  ease->model->score(query, {&cold, 1}, {&by_ease, 1}, scratch);
  EXPECT_GT(by_content, 0);
  EXPECT_EQ(by_ease, kUnknownScore);
}

TEST(Content, EmbeddingsStandBesideTerms) {
  const PlantedWorld world(6);
  TrainOptions options;
  options.configs.content.vector = "text";
  options.configs.content.tag_weight = 0;
  options.configs.content.title_weight = 0;
  options.configs.content.category_weight = 0;
  const auto trained = train_for_test("content", DatasetView(world.data), options);
  ASSERT_TRUE(trained) << trained.error().message;
  Scratch scratch;
  const auto near = trained->model->similar({1}, 20, {}, scratch);
  ASSERT_TRUE(near) << near.error().message;
  for (const Scored& item : *near) EXPECT_EQ(PlantedWorld::group_of_item(item.item), 0U);
  options.configs.content.vector = "image";
  EXPECT_EQ(train_for_test("content", DatasetView(world.data), options).error().code,
            Code::kInvalidArgument);
}

TEST(Content, NothingKnownOfItemsIsSaid) {
  const PlantedWorld world(1);
  TrainOptions options;
  options.catalogue = nullptr;
  EXPECT_EQ(train_for_test("content", DatasetView(world.data), options).error().code,
            Code::kInvalidArgument);
  const Catalogue empty;
  options.catalogue = &empty;
  const auto trained = train_for_test("content", DatasetView(world.data), options);
  ASSERT_FALSE(trained);
  EXPECT_THAT(trained.error().message, ::testing::HasSubstr("no item has a title"));
}

}  // namespace
}  // namespace palate
