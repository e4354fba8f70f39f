#include "recommend/filter_expression.h"

#include <cmath>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "base/time.h"

namespace palate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr TimeUs kNow{1'767'225'600 * kSecondUs};  // 2026-01-01

struct FilterExpressionTest : testing::Test {
  Catalogue catalogue;

  void SetUp() override {
    add("plain", [](ItemRecord&) {});
    add("old", [](ItemRecord& item) {
      item.categories = {"fantasy", "classics"};
      item.tags = {"slow"};
      item.regions = {"DE", "AT"};
      item.creator = "Ada";
      item.released = {kNow.us - 400 * kDayUs};
      item.attributes = {{"year", "1954"}, {"price", "9.5"}, {"signed", "true"}};
    });
    add("new", [](ItemRecord& item) {
      item.categories = {"fantasy"};
      item.tags = {"gore", "fast"};
      item.regions = {"US"};
      item.languages = {"en"};
      item.creator = "Bob \"B\" Beta";
      item.released = {kNow.us - 10 * kDayUs};
      item.expires = {kNow.us + 10 * kDayUs};
      item.attributes = {{"year", "2025"}, {"price", "about 20"}, {"shelf no", "7"}};
    });
  }
  void add(const std::string& id, const std::function<void(ItemRecord&)>& fill) {
    ItemRecord item;
    item.id = id;
    item.titles[""] = id;
    fill(item);
    ASSERT_TRUE(catalogue.apply(item));
  }
  std::vector<std::string> kept(std::string_view text) {
    const auto filter = FilterExpression::parse(text);
    if (!filter) return {"error: " + filter.error().message};
    const auto view = catalogue.view();
    ItemBitmap blocked(1);
    const Status done = filter->block_others(view, kNow, blocked);
    if (!done) return {"error: " + done.error().message};
    std::vector<std::string> names;
    for (uint32_t i = 0; i < view.size(); ++i) {
      if ((blocked[0] >> i & 1) == 0) names.emplace_back(view.name({i}));
    }
    return names;
  }
  static std::string refused(std::string_view text) {
    const auto filter = FilterExpression::parse(text);
    EXPECT_FALSE(filter) << text;
    if (filter) return {};
    EXPECT_EQ(filter.error().code, Code::kInvalidArgument);
    return filter.error().message;
  }
};

TEST_F(FilterExpressionTest, TextsOfEachField) {
  EXPECT_THAT(kept("category = 'fantasy'"), ElementsAre("old", "new"));
  EXPECT_THAT(kept("category != \"classics\""), ElementsAre("plain", "new"));
  EXPECT_THAT(kept("category exists"), ElementsAre("old", "new"));
  EXPECT_THAT(kept("tag in ['gore', 'slow', 'nobody has it']"), ElementsAre("old", "new"));
  EXPECT_THAT(kept("tag not in ['gore']"), ElementsAre("plain", "old"));
  EXPECT_THAT(kept("region = 'AT'"), ElementsAre("old"));
  EXPECT_THAT(kept("language = 'en'"), ElementsAre("new"));
  EXPECT_THAT(kept("creator = \"Bob \\\"B\\\" Beta\""), ElementsAre("new"));
  EXPECT_THAT(kept("item in ['plain', 'new', 'unknown']"), ElementsAre("plain", "new"));
  EXPECT_THAT(kept("category = 'Fantasy'"), IsEmpty()) << "byte for byte";
}

TEST_F(FilterExpressionTest, AttributesAreTextsOrNumbers) {
  EXPECT_THAT(kept("attributes.year >= 1954"), ElementsAre("old", "new"));
  EXPECT_THAT(kept("attributes.year > 1954"), ElementsAre("new"));
  EXPECT_THAT(kept("attributes.year = 1954.0"), ElementsAre("old"));
  EXPECT_THAT(kept("attributes.year = '1954.0'"), IsEmpty());
  EXPECT_THAT(kept("attributes.year in [2025, '1954']"), ElementsAre("old", "new"));
  EXPECT_THAT(kept("attributes.year != 1954"), ElementsAre("plain", "new"));
  EXPECT_THAT(kept("attributes.price < 100"), ElementsAre("old")) << "'about 20' is no number";
  EXPECT_THAT(kept("attributes.price in [9.5, 20]"), ElementsAre("old"));
  EXPECT_THAT(kept("attributes.price exists"), ElementsAre("old", "new"));
  EXPECT_THAT(kept("attributes.signed = true"), ElementsAre("old"));
  EXPECT_THAT(kept("attributes[\"shelf no\"] = 7"), ElementsAre("new"));
}

TEST_F(FilterExpressionTest, TimesAreSaidOrFromNow) {
  EXPECT_THAT(kept("released > now - 30d"), ElementsAre("new"));
  EXPECT_THAT(kept("released > now -30d"), ElementsAre("new"));
  EXPECT_THAT(kept("released <= now"), ElementsAre("old", "new"));
  EXPECT_THAT(kept("expires < now + 240h"), IsEmpty());
  EXPECT_THAT(kept("expires <= now + 240h"), ElementsAre("new"));
  EXPECT_THAT(kept("released < \"2025-01-01\""), ElementsAre("old"));
  EXPECT_THAT(kept("released >= '2025-12-22T00:00:00Z'"), ElementsAre("new"));
  EXPECT_THAT(kept("not released exists"), ElementsAre("plain"));
}

TEST_F(FilterExpressionTest, NotBindsTighterThanAndThanOr) {
  EXPECT_THAT(kept("not tag = 'slow' and category = 'fantasy' or item = 'plain'"),
              ElementsAre("plain", "new"));
  EXPECT_THAT(kept("not (tag = 'slow' and category = 'fantasy' or item = 'plain')"),
              ElementsAre("new"));
  EXPECT_THAT(kept("NOT NOT tag = 'slow' AND (item = 'old' OR item = 'new')"), ElementsAre("old"));
}

TEST_F(FilterExpressionTest, ARecordThatIsReplacedTakesItsValuesAlong) {
  add("old", [](ItemRecord& item) { item.attributes = {{"price", "30"}}; });
  EXPECT_THAT(kept("attributes.price > 0"), ElementsAre("old"));
  EXPECT_THAT(kept("attributes.year > 0"), ElementsAre("new"));
  EXPECT_THAT(kept("tag = 'slow' or region = 'DE' or creator = 'Ada'"), IsEmpty());
  add("old", [](ItemRecord&) {});
  EXPECT_THAT(kept("attributes.price exists"), ElementsAre("new"));
}

TEST_F(FilterExpressionTest, MoreItemsThanAWord) {
  for (int i = 0; i < 200; ++i) {
    add(fmt::format("more{}", i),
        [&](ItemRecord& item) { item.attributes["nr"] = std::to_string(i); });
  }
  const auto view = catalogue.view();
  ItemBitmap blocked((view.size() + 63) / 64);
  ASSERT_TRUE(FilterExpression::parse("attributes.nr >= 150")->block_others(view, kNow, blocked));
  for (uint32_t i = 0; i < view.size(); ++i) {
    EXPECT_EQ((blocked[i / 64] >> i % 64 & 1) == 0, i >= 153) << i;
  }
  ItemBitmap fewer(2);  // of a model that knows fewer items
  ASSERT_TRUE(FilterExpression::parse("attributes.nr >= 10")->block_others(view, kNow, fewer));
}

TEST_F(FilterExpressionTest, ErrorsSayWhereAndWhatWasExpected) {
  EXPECT_THAT(refused("categry = 'a'"), HasSubstr("did you mean 'category'?"));
  EXPECT_THAT(refused("category = 'a' tag = 'b'"), HasSubstr("byte 16: 'and', 'or' or the end"));
  EXPECT_THAT(refused("category = fantasy"), HasSubstr("a text in quotes is expected"));
  EXPECT_THAT(refused("category < 'a'"), HasSubstr("'category' has no '<'; it has =, !=, in"));
  EXPECT_THAT(refused("category ="), HasSubstr("and it ends"));
  EXPECT_THAT(refused("(category = 'a'"), HasSubstr("')'"));
  EXPECT_THAT(refused("category in []"), HasSubstr("a text in quotes"));
  EXPECT_THAT(refused("category = 'a"), HasSubstr("byte 12: the quotes that open here"));
  EXPECT_THAT(refused("attributes.year > '5'"), HasSubstr("a number is expected"));
  EXPECT_THAT(refused("attributes > 5"), HasSubstr("the attribute's name"));
  EXPECT_THAT(refused("released > 5"), HasSubstr("a time"));
  EXPECT_THAT(refused("released > now - 5"), HasSubstr("'d' (days) or 'h' (hours)"));
  EXPECT_THAT(refused("released > now - 1e9d"), HasSubstr("a hundred years"));
  EXPECT_THAT(refused("attributes.year > 12x4"), HasSubstr("not a number"));
  EXPECT_THAT(refused("category = 'a' ; drop"), HasSubstr("nothing begins with ';'"));
  EXPECT_THAT(refused("\x01"), HasSubstr("\\x01"));
  EXPECT_THAT(refused(" "), HasSubstr("a field, 'not' or '('"));
  EXPECT_THAT(kept("attributes.yaer > 5"), ElementsAre(HasSubstr("did you mean 'year'?")));
}

TEST_F(FilterExpressionTest, LimitsHold) {
  const auto repeated = [](std::string_view text, size_t times) {
    std::string all;
    for (size_t i = 0; i < times; ++i) all += text;
    return all;
  };
  const auto nested = [&](size_t depth) {
    return repeated("(", depth) + "tag = 'a'" + repeated(")", depth);
  };
  EXPECT_TRUE(FilterExpression::parse(nested(kFilterDepthMax - 1)));
  EXPECT_THAT(refused(nested(kFilterDepthMax)), HasSubstr("more than 32"));
  EXPECT_THAT(refused(repeated("not ", 1000)), HasSubstr("more than 32"));
  EXPECT_THAT(refused(repeated("(", 200'000)), HasSubstr("at most 16384"));
  EXPECT_TRUE(FilterExpression::parse(repeated("tag='a' or ", 63) + "tag='a'"));
  EXPECT_THAT(refused(repeated("tag='a' or ", 64) + "tag='a'"), HasSubstr("64 comparisons"));
  EXPECT_TRUE(FilterExpression::parse("tag in [" + repeated("'a',", 999) + "'a']"));
  EXPECT_THAT(refused("tag in [" + repeated("'a',", 1000) + "'a']"), HasSubstr("1000 values"));
}

TEST_F(FilterExpressionTest, OnlySoManyAttributesAreLookedFor) {
  add("many", [](ItemRecord& item) {
    for (size_t i = 0; i < kAttributeColumnsMax + 5; ++i)
      item.attributes[fmt::format("x{}", i)] = "1";
  });
  EXPECT_THAT(kept("attributes.nothing exists"),
              ElementsAre(HasSubstr("the first 256 attributes")));
  EXPECT_THAT(kept("attributes.x0 = 1"), ElementsAre("many"));
}

// The first has an attribute for sure.
std::vector<ItemRecord> drawn_items() {
  const auto texts =
      rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>("a", "b", "c"));
  std::vector<ItemRecord> items(static_cast<size_t>(*rc::gen::inRange(1, 140)));
  for (size_t i = 0; i < items.size(); ++i) {
    ItemRecord& item = items[i];
    item.id = std::to_string(i);
    item.tags = *texts;
    item.categories = *texts;
    item.released.us = *rc::gen::inRange<int64_t>(0, 8) * kSecondUs;
    if (*rc::gen::arbitrary<bool>()) item.creator = "x";
    if (i == 0 || *rc::gen::arbitrary<bool>()) {
      item.attributes["n"] = std::to_string(*rc::gen::inRange(0, 6));
    }
  }
  return items;
}

// Every tree, written and read again, is the same and keeps the same items as a plain look at each
// record does.
RC_GTEST_FIXTURE_PROP(FilterExpressionTest, EqualsAPlainLookAtEachItem, ()) {
  struct Leaf {
    std::string text;
    std::function<bool(const ItemRecord&)> holds;
  };
  const std::vector<Leaf> leaves{
      {"tag = 'a'", [](const ItemRecord& i) { return std::ranges::count(i.tags, "a") > 0; }},
      {"tag not in ['b', 'c']",
       [](const ItemRecord& i) {
         return std::ranges::count(i.tags, "b") + std::ranges::count(i.tags, "c") == 0;
       }},
      {"category = 'a'",
       [](const ItemRecord& i) { return std::ranges::count(i.categories, "a") > 0; }},
      {"attributes.n >= 3",
       [](const ItemRecord& i) {
         return i.attributes.contains("n") && std::stoi(i.attributes.at("n")) >= 3;
       }},
      {"attributes.n != 4",
       [](const ItemRecord& i) {
         return !i.attributes.contains("n") || i.attributes.at("n") != "4";
       }},
      {"creator exists", [](const ItemRecord& i) { return !i.creator.empty(); }},
      {"released >= '1970-01-01T00:00:04Z'",
       [](const ItemRecord& i) { return i.released.us >= 4 * kSecondUs; }},
  };
  const std::vector<ItemRecord> items = drawn_items();
  Catalogue drawn;
  for (const ItemRecord& item : items) RC_ASSERT(drawn.apply(item).has_value());

  // A random tree, as text and as a function.
  std::function<Leaf(int)> tree = [&](int depth) -> Leaf {
    const int kind = depth == 0 ? 0 : *rc::gen::inRange(0, 4);
    if (kind == 0) return leaves[*rc::gen::inRange<size_t>(0, leaves.size())];
    const Leaf a = tree(depth - 1);
    if (kind == 1)
      return {"not (" + a.text + ")", [a](const ItemRecord& i) { return !a.holds(i); }};
    const Leaf b = tree(depth - 1);
    if (kind == 2) {
      return {"(" + a.text + ") and (" + b.text + ")",
              [a, b](const ItemRecord& i) { return a.holds(i) && b.holds(i); }};
    }
    return {"(" + a.text + ") or (" + b.text + ")",
            [a, b](const ItemRecord& i) { return a.holds(i) || b.holds(i); }};
  };
  const Leaf drawn_tree = tree(4);
  const auto filter = FilterExpression::parse(drawn_tree.text);
  RC_ASSERT(filter.has_value());
  const auto again = FilterExpression::parse(filter->to_string());
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->to_string() == filter->to_string());
  ItemBitmap blocked((items.size() + 63) / 64);
  RC_ASSERT(again->block_others(drawn.view(), kNow, blocked).has_value());
  for (size_t i = 0; i < items.size(); ++i) {
    RC_ASSERT((blocked[i / 64] >> i % 64 & 1) == (drawn_tree.holds(items[i]) ? 0u : 1u));
  }
}

}  // namespace
}  // namespace palate
