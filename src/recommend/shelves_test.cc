#include "recommend/shelves.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recommend/world_for_test.h"

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const std::string& row) {
  ShelfPages pages;
  const auto declared = pages.declare("test", {{"rows", std::vector<std::string>{row}}});
  if (declared) {
    const auto fits = pages.check(Pipelines());
    EXPECT_FALSE(fits);
    return fits ? "" : fits.error().message;
  }
  return declared.error().message;
}

TEST(ShelfPages, ErrorsNameTheRow) {
  EXPECT_THAT(refusal("feed"), HasSubstr("row 1 ('feed'): a shelf needs a title"));
  EXPECT_THAT(refusal("feed title=x n=0"), HasSubstr("1 to 100"));
  EXPECT_THAT(refusal("feed title=x least=many"), HasSubstr("least is 'many'"));
  EXPECT_THAT(refusal("feed titel=x"), HasSubstr("no 'titel'"));
  EXPECT_THAT(refusal("fed title=x"), HasSubstr("did you mean 'feed'"));
  const auto unknown = ShelfPages().find("hom");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
  EXPECT_THAT(unknown.error().message, HasSubstr("home"));
}

class ShelvesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.plant();
    const Release release = world_.train({"als", "popularity"});
    world_.post_items({RecommendWorld::item(900), RecommendWorld::item(901)});
    recommender_ = world_.recommender(release);
  }
  std::vector<Shelf> shelves(const RecommendRequest& request, const std::string& page = "home") {
    const auto specs = pages_.find(page);
    EXPECT_TRUE(specs);
    auto made = make_shelves(*recommender_, request, *specs);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made ? std::move(*made) : std::vector<Shelf>{};
  }
  static std::vector<std::string> titles(const std::vector<Shelf>& shelves) {
    std::vector<std::string> titles;
    for (const Shelf& shelf : shelves) titles.push_back(shelf.title);
    return titles;
  }

  RecommendWorld world_;
  ShelfPages pages_;
  std::shared_ptr<const Recommender> recommender_;
};

TEST_F(ShelvesTest, NoItemStandsOnTwo) {
  const std::vector<std::string> rows{"feed title=A n=6", "popular title=B n=6", "new title=C n=6"};
  ASSERT_TRUE(pages_.declare("test", {{"rows", rows}}));
  std::set<std::string> met;
  const auto made = shelves({.user = "user-0", .exclude = {"item-3"}}, "test");
  EXPECT_THAT(titles(made), ElementsAre("A", "B", "C"));
  for (const Shelf& shelf : made) {
    for (const auto& item : shelf.slate.items) {
      EXPECT_TRUE(met.insert(item.item).second) << item.item;
      EXPECT_NE(item.item, "item-3");
      EXPECT_FALSE(item.proposed_by.empty());
    }
    EXPECT_EQ(shelf.slate.cursor, "");
  }
}

TEST_F(ShelvesTest, TitlesAreInTheLanguageAndNameTheLast) {
  world_.post("like", "user-0", "item-7");
  const std::vector<std::string> rows{
      "like-the-last title='Because of {last}' title_de='Wegen {last}' n=5"};
  ASSERT_TRUE(pages_.declare("test", {{"rows", rows}}));
  EXPECT_THAT(titles(shelves({.user = "user-0"}, "test")), ElementsAre("Because of Title 7"));
  EXPECT_THAT(titles(shelves({.user = "user-0", .language = "de"}, "test")),
              ElementsAre("Wegen Titel 7"));
}

TEST_F(ShelvesTest, ShelvesWithoutAnythingOfTheirOwnAreLeftOut) {
  const std::vector<std::string> rows{"like-the-last title=A", "new title=B n=2 least=2",
                                      "new title=C least=100"};
  ASSERT_TRUE(pages_.declare("test", {{"rows", rows}}));
  EXPECT_THAT(titles(shelves({.user = "nobody"}, "test")), ElementsAre("B"));
}

TEST_F(ShelvesTest, PlainListsAreShelvesToo) {
  ASSERT_TRUE(pages_.declare("test", {{"rows", std::vector<std::string>{"plain title=A n=5"}}}));
  const auto made = shelves({.user = "user-0"}, "test");
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].slate.items.size(), 5u);
}

}  // namespace
}  // namespace palate
