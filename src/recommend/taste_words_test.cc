#include "recommend/taste_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "math/philox.h"
#include "recommend/explanation.h"
#include "recommend/world_for_test.h"

namespace palate {
namespace {

// Vectors that are the sum of what their words say and a little of their own.
class PlantedVectors : public Model {
 public:
  static constexpr size_t kDim = 6, kItems = 400;
  PlantedVectors() {
    info_.items = kItems;
    info_.dimensions = kDim;
    Philox random(7, 0);
    for (auto* direction : {&fantasy, &crime, &dark, &mean}) {
      for (float& value : *direction) value = static_cast<float>(random.normal());
    }
    for (uint32_t i = 0; i < kItems; ++i) {
      ItemRecord item;
      item.id = std::to_string(i);
      std::array<float, kDim> vector = mean;
      const auto add = [&](const std::array<float, kDim>& of) {
        for (size_t d = 0; d < kDim; ++d) vector[d] += of[d];
      };
      if (i % 2 == 0) item.categories.emplace_back("fantasy"), add(fantasy);
      if (i % 3 == 0) item.categories.emplace_back("crime"), add(crime);
      if (i % 5 == 0) item.tags.emplace_back("dark"), add(dark);
      if (i == 7) item.tags.emplace_back("only-here");
      for (float& value : vector) value += 0.01F * static_cast<float>(random.normal());
      vectors_.push_back(vector);
      EXPECT_TRUE(catalogue.apply(item));
    }
  }
  const ModelInfo& info() const override { return info_; }
  bool can_answer(const Query&) const override { return true; }
  void score(const Query&, std::span<const ItemIx>, std::span<float>, Scratch&) const override {}
  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest>, Scratch&) const override {
    return {};
  }
  bool item_vector(ItemIx item, std::span<float> out) const override {
    if (item.value >= kItems || item.value == 11) return false;
    std::ranges::copy(vectors_[item.value], out.begin());
    return true;
  }

  std::array<float, kDim> fantasy{}, crime{}, dark{}, mean{};
  Catalogue catalogue;

 private:
  ModelInfo info_;
  std::vector<std::array<float, kDim>> vectors_;
};

float sum_of(const Taste& taste) {
  float sum = taste.common + taste.rest;
  for (const Taste::Part& part : taste.words) sum += part.score;
  return sum;
}

TEST(TasteWords, FindsTheDirectionsOfWordsAndAddsUp) {
  const PlantedVectors planted;
  const TasteWords words = TasteWords::fit(planted, planted.catalogue);
  const Catalogue::View view = planted.catalogue.view();
  const std::array<float, PlantedVectors::kDim> user{0.5F, -1, 2, 0.25F, 1, -0.5F};
  const auto inner = [&](const auto& direction) {
    float sum = 0;
    for (size_t d = 0; d < user.size(); ++d) sum += user[d] * direction[d];
    return sum;
  };
  const auto taste = words.taste(planted, user, view.record({30}), {30});
  ASSERT_TRUE(taste);
  ASSERT_EQ(taste->words.size(), 3u);
  // Up to what the mean has of each word (half, a third, a fifth), and the ridge.
  for (const Taste::Part& part : taste->words) {
    const float planted_part = inner(part.word == "fantasy" ? planted.fantasy
                                     : part.word == "crime" ? planted.crime
                                                            : planted.dark);
    EXPECT_NEAR(part.score, planted_part, 0.15F * std::abs(planted_part) + 0.05F) << part.word;
    EXPECT_EQ(part.of, part.word == "dark" ? "tag" : "category");
  }
  for (size_t i = 1; i < taste->words.size(); ++i) {
    EXPECT_GE(std::abs(taste->words[i - 1].score), std::abs(taste->words[i].score));
  }
  for (uint32_t i = 0; i < PlantedVectors::kItems; ++i) {
    const auto any = words.taste(planted, user, view.record({i}), {i});
    if (i == 11) {
      EXPECT_FALSE(any) << "the model has no vector of it";
      continue;
    }
    EXPECT_NEAR(sum_of(*any), any->score, 1e-4) << i;
  }
  EXPECT_TRUE(words.taste(planted, user, view.record({7}), {7})->words.empty())
      << "what one item has alone is no word";
}

TEST(TasteWords, SaysNothingWithoutVectorsOrWords) {
  RecommendWorld world;
  world.plant();
  const auto recommender = world.trained({"als", "popularity"});
  const auto explained =
      *recommender->explain({.item = world.item_name(3), .request = {.user = world.user_name(0)}});
  ASSERT_TRUE(explained.taste) << "items have categories, als has vectors";
  EXPECT_NEAR(sum_of(*explained.taste), explained.taste->score, 1e-4);
  EXPECT_NEAR(explained.taste->score, explained.score, 1e-4) << "as it ranks";
  ASSERT_THAT(explained.taste->words, testing::SizeIs(1));
  EXPECT_EQ(explained.taste->words[0].word, "fantasy");
  EXPECT_GT(explained.taste->words[0].score, 0) << "this user likes that group alone";
  const auto other = *recommender->explain({.item = world.item_name(PlantedWorld::kGroupItems + 3),
                                            .request = {.user = world.user_name(0)}});
  EXPECT_LT(other.taste->words[0].score, 0);
  EXPECT_FALSE(recommender->explain({.item = world.item_name(3)})->taste) << "nobody's taste";
  RecommendWorld plain;
  plain.plant();
  const auto popular = plain.trained({"popularity"});
  EXPECT_FALSE(
      popular->explain({.item = plain.item_name(3), .request = {.user = plain.user_name(0)}})
          ->taste);
}

}  // namespace
}  // namespace palate
