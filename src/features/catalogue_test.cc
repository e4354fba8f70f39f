#include "features/catalogue.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>

namespace palate {
namespace {

using testing::ElementsAre;

ItemRecord item(std::string id, std::vector<std::string> categories = {}) {
  ItemRecord record;
  record.id = std::move(id);
  record.categories = std::move(categories);
  return record;
}

bool in(const ItemBitmap* bitmap, uint32_t ix) {
  return bitmap != nullptr && ix / 64 < bitmap->size() &&
         ((*bitmap)[ix / 64] >> (ix % 64) & 1) != 0;
}

TEST(Catalogue, GivesIndicesInOrderAndStubsTakeNothingAway) {
  Catalogue catalogue;
  EXPECT_EQ(*catalogue.apply(item("a")), ItemIx{0});
  EXPECT_EQ(*catalogue.apply(item("b", {"drama"})), ItemIx{1});
  EXPECT_EQ(*catalogue.apply(item("b")), ItemIx{1});
  const auto view = catalogue.view();
  EXPECT_EQ(view.size(), 2u);
  EXPECT_EQ(view.find("b"), ItemIx{1});
  EXPECT_EQ(view.find("c"), std::nullopt);
  EXPECT_EQ(view.name({0}), "a");
  EXPECT_FALSE(view.described({0}));
  EXPECT_TRUE(view.described({1}));
  EXPECT_EQ(view.record({0}).id, "a");
  EXPECT_THAT(view.record({1}).categories, ElementsAre("drama"));
}

TEST(Catalogue, CategoriesFollowTheNewestRecord) {
  Catalogue catalogue;
  for (int i = 0; i < 70; ++i) ASSERT_TRUE(catalogue.apply(item(std::to_string(i))));
  ASSERT_TRUE(catalogue.apply(item("69", {"x", "y", "y"})));
  EXPECT_TRUE(in(catalogue.view().category("x"), 69));
  EXPECT_THAT(catalogue.view().categories(), ElementsAre("x", "y"));
  ASSERT_TRUE(catalogue.apply(item("3", {"x"})));
  ASSERT_TRUE(catalogue.apply(item("69", {"z"})));
  const auto view = catalogue.view();
  EXPECT_FALSE(in(view.category("x"), 69));
  EXPECT_TRUE(in(view.category("x"), 3));
  EXPECT_EQ(view.category("y"), nullptr);
  EXPECT_THAT(view.categories(), ElementsAre("x", "z"));
}

TEST(Catalogue, CreatorsFollowTheNewestRecord) {
  Catalogue catalogue;
  const auto by = [](std::string id, std::string creator) {
    ItemRecord record = item(std::move(id), {"x"});
    record.creator = std::move(creator);
    return record;
  };
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(catalogue.apply(by(id, "ann")));
  ASSERT_TRUE(catalogue.apply(by("d", "bob")));
  const uint64_t version = catalogue.view().version();
  ASSERT_TRUE(catalogue.apply(by("b", "bob")));
  ASSERT_TRUE(catalogue.apply(by("c", "")));
  const auto view = catalogue.view();
  EXPECT_NE(view.version(), version);
  EXPECT_EQ(view.version(), catalogue.view().version());
  EXPECT_NE(view.version(), Catalogue().view().version());
  EXPECT_EQ(view.creator("eve"), std::nullopt);
  EXPECT_THAT(view.of_creator(view.creator("ann").value()), ElementsAre(ItemIx{0}));
  EXPECT_THAT(view.of_creator(view.creator("bob").value()), ElementsAre(ItemIx{1}, ItemIx{3}));
  EXPECT_EQ(view.traits({1}).creator, view.creator("bob"));
  EXPECT_EQ(view.traits({2}).creator, ItemTraits::kNone);
}

TEST(Catalogue, AvailabilityKnowsHiddenReleasedAndExpired) {
  Catalogue catalogue;
  ItemRecord hidden = item("hidden"), coming = item("coming"), gone = item("gone");
  hidden.hidden = true;
  coming.released.us = 100;
  gone.expires.us = 50;
  for (const auto& record : {item("plain"), hidden, coming, gone}) {
    ASSERT_TRUE(catalogue.apply(record));
  }
  EXPECT_THAT(catalogue.view().unavailable({49}), ElementsAre(ItemIx{1}, ItemIx{2}));
  EXPECT_THAT(catalogue.view().unavailable({50}), ElementsAre(ItemIx{1}, ItemIx{2}, ItemIx{3}));
  EXPECT_THAT(catalogue.view().unavailable({100}), ElementsAre(ItemIx{1}, ItemIx{3}));
  EXPECT_TRUE(catalogue.view().available({0}, {50}));
  EXPECT_FALSE(catalogue.view().available({2}, {99}));
  hidden.hidden = false;
  hidden.creator = "somebody";
  ASSERT_TRUE(catalogue.apply(hidden));
  EXPECT_TRUE(catalogue.view().available({1}, {0}));
}

TEST(Catalogue, ReadersAndTheWriterShareIt) {
  Catalogue catalogue;
  ASSERT_TRUE(catalogue.apply(item("0")));
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        {
          const auto view = catalogue.view();
          const ItemIx last{static_cast<uint32_t>(view.size() - 1)};
          if (view.record(last).id != view.name(last) || view.find(view.name(last)) != last)
            ++wrong;
        }
        std::this_thread::yield();
      }
    });
  }
  for (int i = 1; i < 2000; ++i) {
    ASSERT_TRUE(
        catalogue.apply(i % 3 == 0 ? item(std::to_string(i), {"c"}) : item(std::to_string(i))));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace palate
