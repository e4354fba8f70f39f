#include "models/two_tower/two_tower.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "artefact/safetensors.h"
#include "models/contract.h"
#include "models/later_items.h"
#include "models/two_tower/item_content.h"
#include "models/two_tower/train.h"
#include "models/words.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

TEST(Subwords, AreTheWordAndItsRuns) {
  EXPECT_THAT(subwords_of("cat", {3, 4}),
              ::testing::ElementsAre("<cat>", "<ca", "<cat", "cat", "cat>", "at>"));
  EXPECT_THAT(subwords_of("я", {3, 5}), ::testing::ElementsAre("<я>"));
  EXPECT_THAT(subwords_of("", {1, 1}), ::testing::ElementsAre("<>", "<", ">"));
  for (const std::string& part : subwords_of("žлuť", {2, 2})) EXPECT_EQ(words_of(part).size(), 1u);
}

TEST(ItemContent, IsTheSameForTheSameWordsWhereverTheyStand) {
  TwoTowerConfig config;
  ItemRecord record;
  EXPECT_TRUE(content_of(record, config).empty());
  record.tags = {"Jazz", "jazz", ""};
  record.titles = {{"en", "Blue Train"}, {"de", "!!"}};
  record.descriptions[""] = "blue train";
  const ItemContent content = content_of(record, config);
  EXPECT_EQ(content.terms.size(), 1u);  // one tag, however written
  ASSERT_EQ(content.texts.size(), 2u);  // signs alone are no text
  EXPECT_EQ(content.texts[0], content.texts[1]);
  config.subword_rows = 2;  // whatever the number of rows, ids are from 1 on
  const ItemContent narrow = content_of(record, config);
  for (const uint32_t id : narrow.texts[0]) EXPECT_EQ(id, 1u);
}

TEST(ItemContent, GivenVectorsAreWholeOrNotThere) {
  TwoTowerConfig config;
  config.vector = "image";
  ItemRecord record;
  std::vector<float> out;
  EXPECT_FALSE(append_vector(record, config, 2, out));
  record.vectors["image"] = {1, 2};
  EXPECT_TRUE(append_vector(record, config, 2, out));
  record.vectors["image"] = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_FALSE(append_vector(record, config, 2, out));
  record.vectors["image"] = {1, 2, 3};
  EXPECT_FALSE(append_vector(record, config, 2, out));
  ASSERT_EQ(out.size(), 8u);
  EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[4]) && std::isnan(out[7]));
  EXPECT_EQ(out[2], 1.0F);
}

class TwoTowerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_be_trained("two_tower")) GTEST_SKIP() << "palate-train is not here";
  }
  Result<TrainedModel> train(const TrainOptions& options = {}) {
    return train_for_test("two_tower", DatasetView(world_.data), options);
  }
  static std::vector<Scored> top(const Model& model, const Query& query, size_t k) {
    Scratch scratch;
    const TopKRequest request{query, {}, k};
    return model.top_k({&request, 1}, scratch)[0];
  }
  PlantedWorld world_{7};
};

// Of a user there is a region and a language: somebody new of the same region gets his group's.
TEST_F(TwoTowerTest, AProfileIsEnough) {
  TrainOptions options;
  options.configs.two_tower.history_dropout = 0.9;  // so that profiles have to do
  options.configs.two_tower.epochs = 40;
  const auto trained = train(options);
  ASSERT_TRUE(trained) << trained.error().message;
  for (const uint32_t user : {0U, 1U}) {
    Query query;
    query.profile = &PlantedWorld::profile_of_user(user);
    ASSERT_TRUE(trained->model->can_answer(query));
    const auto list = top(*trained->model, query, 8);
    const auto own = std::ranges::count_if(list, [&](const Scored& one) {
      return PlantedWorld::group_of_item(one.item) == PlantedWorld::group_of_user(user);
    });
    EXPECT_GE(own, 7) << user;
  }
  UserRecord other;
  other.region = "XX";  // nobody's
  Query query;
  query.profile = &other;
  EXPECT_FALSE(trained->model->can_answer(query));
}

// Items of the catalogue that came later are known by their tags, in lists, histories and as what
// is alike; what is said of the others stays what it was.
TEST_F(TwoTowerTest, LaterItemsAreKnownByWhatIsSaidOfThem) {
  TrainOptions options;
  options.configs.two_tower.id_dropout = 0.5;
  const auto trained = train(options);
  ASSERT_TRUE(trained) << trained.error().message;
  Catalogue catalogue;
  for (uint32_t item = 0; item < PlantedWorld::kItems; ++item) {
    ASSERT_TRUE(catalogue.apply(PlantedWorld::catalogue().view().record({item})));
  }
  constexpr uint32_t kLater = 8;
  for (uint32_t i = 0; i < kLater; ++i) {
    ItemRecord record;
    record.id = fmt::format("later-{}", i);
    if (i + 1 < kLater) record.tags = {fmt::format("group-{}", i % 2)};
    if (i + 1 < kLater) record.categories = {fmt::format("shelf {}", i % 2)};
    ASSERT_TRUE(catalogue.apply(record));
  }
  const auto* knows = dynamic_cast<const KnowsLaterItems*>(trained->model.get());
  ASSERT_NE(knows, nullptr);
  const auto later = knows->with_items(catalogue);
  ASSERT_TRUE(later) << later.error().message;
  EXPECT_EQ((*later)->info().items, PlantedWorld::kItems + kLater);
  const auto group_of = [](ItemIx item) {
    return item.value < PlantedWorld::kItems ? PlantedWorld::group_of_item(item)
                                             : (item.value - PlantedWorld::kItems) % 2;
  };
  for (uint32_t user = 0; user < 6; ++user) {
    const auto list = top(**later, world_.query(user), 100);
    EXPECT_EQ(list.size(), 2 * PlantedWorld::kGroupItems + kLater - 1);  // one says nothing
    std::vector<ItemIx> new_items;
    for (const Scored& one : list) {
      if (one.item.value >= PlantedWorld::kItems) new_items.push_back(one.item);
    }
    ASSERT_EQ(new_items.size(), kLater - 1);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(group_of(new_items[i]), PlantedWorld::group_of_user(user)) << i;
    }
    std::vector<Scored> earlier;
    std::ranges::copy_if(list, std::back_inserter(earlier),
                         [](const Scored& one) { return one.item.value < PlantedWorld::kItems; });
    const auto before = top(*trained->model, world_.query(user), 100);
    EXPECT_TRUE(std::ranges::equal(earlier, before, [](const Scored& a, const Scored& b) {
      return a.item == b.item && a.score == b.score;
    }));
  }
  HistoryEntry liked;  // a history of a later item alone
  liked.item = {PlantedWorld::kItems + 1};
  liked.preference = 1;
  Query query;
  query.history = {&liked, 1};
  EXPECT_FALSE(trained->model->can_answer(query));
  ASSERT_TRUE((*later)->can_answer(query));
  EXPECT_EQ(group_of(top(**later, query, 1)[0].item), 1u);
}

// An item that is described only after it was seen, or in other words than before.
TEST_F(TwoTowerTest, WhatIsSaidOfALaterItemMayChange) {
  const auto trained = train();
  ASSERT_TRUE(trained) << trained.error().message;
  Catalogue catalogue;
  for (uint32_t item = 0; item < PlantedWorld::kItems; ++item) {
    ASSERT_TRUE(catalogue.apply(PlantedWorld::catalogue().view().record({item})));
  }
  const auto* as_trained = dynamic_cast<const KnowsLaterItems*>(trained->model.get());
  EXPECT_TRUE(as_trained->has_read(catalogue));
  ItemRecord record;
  record.id = "later";
  ASSERT_TRUE(catalogue.apply(record));
  EXPECT_FALSE(as_trained->has_read(catalogue));
  auto model = as_trained->with_items(catalogue).value();
  std::vector<float> before(model->info().dimensions), after = before;
  EXPECT_FALSE(model->item_vector({PlantedWorld::kItems}, before)) << "nothing is said of it";
  for (const std::string tag : {"group-0", "group-1"}) {
    const auto& knows = dynamic_cast<const KnowsLaterItems&>(*model);
    EXPECT_TRUE(knows.has_read(catalogue));
    record.tags = {tag};
    ASSERT_TRUE(catalogue.apply(record));
    EXPECT_FALSE(knows.has_read(catalogue)) << tag;
    model = knows.with_items(catalogue).value();
    EXPECT_TRUE(model->item_vector({PlantedWorld::kItems}, after));
    EXPECT_NE(after, before);
    before = after;
    const auto anew = as_trained->with_items(catalogue).value();  // rather than from the last one
    EXPECT_TRUE(anew->item_vector({PlantedWorld::kItems}, after));
    EXPECT_EQ(after, before);
  }
}

// One whose numbers end in infinity would be first in everybody's list.
TEST_F(TwoTowerTest, AnAbsurdGivenVectorIsNotKnown) {
  TrainOptions options;
  options.configs.two_tower.vector = "text";
  const auto trained = train(options);
  ASSERT_TRUE(trained) << trained.error().message;
  Catalogue catalogue;
  for (uint32_t item = 0; item < PlantedWorld::kItems; ++item) {
    ASSERT_TRUE(catalogue.apply(PlantedWorld::catalogue().view().record({item})));
  }
  ItemRecord record;
  record.id = "absurd";
  constexpr float kMost = std::numeric_limits<float>::max();
  record.vectors["text"] = {kMost, -kMost, kMost};
  ASSERT_TRUE(catalogue.apply(record));
  const auto later =
      dynamic_cast<const KnowsLaterItems&>(*trained->model).with_items(catalogue).value();
  EXPECT_EQ(top(*later, world_.query(0), 1000).size(), 2 * PlantedWorld::kGroupItems);
}

TEST_F(TwoTowerTest, GivenVectorsSayWhatAnItemIs) {
  TrainOptions options;
  options.configs.two_tower.vector = "text";
  options.configs.two_tower.id_dropout = 0.5;
  const auto trained = train(options);
  ASSERT_TRUE(trained) << trained.error().message;
  Catalogue catalogue;
  for (uint32_t item = 0; item < PlantedWorld::kItems; ++item) {
    ASSERT_TRUE(catalogue.apply(PlantedWorld::catalogue().view().record({item})));
  }
  for (const float second : {0.1F, 1.0F}) {
    ItemRecord record;
    record.id = fmt::format("later-{}", second);
    record.vectors["text"] = {1.1F - second, second, 0.2F};
    ASSERT_TRUE(catalogue.apply(record));
  }
  const auto later = dynamic_cast<const KnowsLaterItems&>(*trained->model).with_items(catalogue);
  ASSERT_TRUE(later) << later.error().message;
  for (const uint32_t user : {0U, 1U}) {
    std::vector<float> scores(2);
    Scratch scratch;
    const std::vector<ItemIx> items{{PlantedWorld::kItems}, {PlantedWorld::kItems + 1}};
    (*later)->score(world_.query(user), items, scores, scratch);
    EXPECT_EQ(scores[0] > scores[1], PlantedWorld::group_of_user(user) == 0) << user;
  }
}

TEST_F(TwoTowerTest, BadVectorsAreNamed) {
  TrainOptions options;
  options.configs.two_tower.vector = "image";
  const auto none = train(options);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kInvalidArgument);
  EXPECT_THAT(none.error().message, HasSubstr("no item has an embedding 'image'"));

  for (const std::vector<float>& wrong :
       {std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()}, std::vector<float>{1}}) {
    Catalogue catalogue;
    for (uint32_t item = 0; item < 2; ++item) {
      ItemRecord record;
      record.id = fmt::format("item-{}", item);
      record.vectors["image"] = item == 0 ? std::vector<float>{1, 2} : wrong;
      ASSERT_TRUE(catalogue.apply(record));
    }
    options.catalogue = &catalogue;
    const auto trained = train(options);
    ASSERT_FALSE(trained);
    EXPECT_THAT(trained.error().message, HasSubstr("'item-1'"));
  }
}

TEST_F(TwoTowerTest, WithoutContentAndProfilesThereAreHistories) {
  TrainOptions options;
  options.catalogue = nullptr;
  options.profiles = false;
  const auto trained = train(options);
  ASSERT_TRUE(trained) << trained.error().message;
  const auto list = top(*trained->model, world_.query(1), 8);
  const auto own = std::ranges::count_if(
      list, [](const Scored& one) { return PlantedWorld::group_of_item(one.item) == 1; });
  EXPECT_GE(own, 7);
}

TEST_F(TwoTowerTest, OneUserWithOneItemIsTooLittle) {
  std::vector<HistoryEntry> rows(1);
  rows[0].item = {0};
  rows[0].preference = 1;
  const Dataset one = Dataset::from_rows(2, {0, 1}, rows, TimeKind::kReal);
  const auto trained = train_for_test("two_tower", DatasetView(one), {.profiles = false});
  ASSERT_FALSE(trained);
  EXPECT_THAT(trained.error().message, HasSubstr("nobody likes two items"));
}

// What few users say of themselves is not in the artefact.
TEST_F(TwoTowerTest, RareTraitsAreLeftOut) {
  TrainOptions options;
  options.configs.two_tower.users_min = 1000;
  const auto trained = train(options);
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_TRUE(trained->artefact->vector<uint64_t>("traits")->empty());
}

// A damaged artefact is named, whatever is wrong with it.
TEST_F(TwoTowerTest, DamageIsFound) {
  const auto trained = train();
  ASSERT_TRUE(trained) << trained.error().message;
  struct Damage {
    std::string tensor, details;
    bool not_finite = false;
  };
  const std::vector<Damage> damages{{"item_vectors", ""}, {"item_count", ""}, {"traits", ""},
                                    {"table.terms", ""},  {"", "{}"},         {"", "", true}};
  for (size_t i = 0; i < damages.size(); ++i) {
    const Path path = trained->path.string() + fmt::format("-damaged-{}", i);
    auto out = ArtefactWriter::create(path);
    ASSERT_TRUE(out);
    out->manifest = trained->artefact->manifest();
    out->manifest.checksums.clear();
    if (!damages[i].details.empty()) out->manifest.details_json = damages[i].details;
    for (const NamedTensor& tensor : trained->artefact->tensors()) {
      if (tensor.name == damages[i].tensor) continue;
      if (damages[i].not_finite && tensor.name == "item_vectors") {
        std::vector<float> broken(tensor.view.bytes.size() / sizeof(float),
                                  std::numeric_limits<float>::infinity());
        out->add(tensor.name, tensor.view.shape, std::move(broken));
        continue;
      }
      out->add(tensor.name, tensor.view.type, tensor.view.shape, tensor.view.bytes);
    }
    ASSERT_TRUE(out->commit());
    const auto artefact = Artefact::open(path);
    ASSERT_TRUE(artefact);
    const auto model = load_model(*artefact);
    ASSERT_FALSE(model) << i;
    EXPECT_EQ(model.error().code, Code::kCorrupt) << model.error().message;
    std::filesystem::remove_all(path);
  }
}

}  // namespace
}  // namespace palate
