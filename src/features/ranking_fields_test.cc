#include "features/ranking_fields.h"

#include <cmath>

#include <gmock/gmock.h>

namespace palate {
namespace {

using ::testing::ElementsAre;

RankingFields::Parts parts() {
  RankingFields::Parts parts;
  parts.vocabulary.regions = NameRows({"NO", "PT"});
  parts.vocabulary.creators = NameRows({"mary"});
  parts.vocabulary.categories = NameRows({"drama", "news"});
  parts.vocabulary.tags = NameRows({"slow"});
  parts.vocabulary.item_languages = NameRows({"nb"});
  parts.vocabulary.item_rows = {0, 2, 1};
  parts.vocabulary.items = 3;
  parts.features = {"user_recency_h", "item_age_d"};
  parts.history = 2;
  return parts;
}

struct World {
  EventTypes types = EventTypes::defaults();
  Catalogue catalogue;
  ItemPopularity popularity;

  World() {
    for (uint32_t i = 0; i < 3; ++i) {
      ItemRecord item;
      item.id = std::to_string(i);
      item.creator = i == 1 ? "mary" : "new one";
      item.categories =
          i == 2 ? std::vector<std::string>{} : std::vector<std::string>{"news", "drama"};
      EXPECT_TRUE(catalogue.apply(item));
    }
  }
  RankingFields::Values read(const RankingFields& fields, const FeatureMoment& moment) {
    const Catalogue::View view = catalogue.view();
    const std::vector<ItemIx> items{{1}, {2}, {7}};
    RankingFields::Values values;
    RankingFields::Scratch scratch;
    const FeatureSources from{&types, &view, &popularity, nullptr};
    fields.read({from, moment, items}, values, scratch);
    return values;
  }
};

size_t place_of(const RankingFields& fields, std::string_view name) {
  const auto ids = fields.ids();
  return static_cast<size_t>(std::ranges::find(ids, name, &RankingFields::IdField::name) -
                             ids.begin());
}

TEST(RankingFields, ReadsRowsOfWhatIsKnownAndZeroOfTheRest) {
  World world;
  const auto fields = RankingFields::make(parts(), world.types, {});
  ASSERT_TRUE(fields) << fields.error().message;
  UserState user;
  user.has_profile = true;
  user.profile.region = "PT";
  user.profile.language = "pt";
  for (const uint32_t item : {0U, 1U, 2U, 9U}) {
    HistoryEntry entry;
    entry.item = {item};
    entry.preference = item == 2 ? -1 : 1;
    user.history.push_back(entry);
  }
  // Thursday, 1 January 1970, 05:30.
  const auto values = world.read(*fields, {&user, {}, {(5 * 60 + 30) * 60 * kSecondUs}});
  const auto of = [&](std::string_view name) { return values.ids[place_of(*fields, name)]; };
  EXPECT_THAT(of("region"), ElementsAre(2));
  EXPECT_THAT(of("language"), ElementsAre(0));
  EXPECT_THAT(of("hour"), ElementsAre(6));
  EXPECT_THAT(of("weekday"), ElementsAre(1));
  EXPECT_THAT(of("history"), ElementsAre(2, 0)) << "the newest last; a dislike is none";
  EXPECT_THAT(of("item"), ElementsAre(2, 1, 0));
  EXPECT_THAT(of("creator"), ElementsAre(1, 0, 0));
  EXPECT_THAT(of("categories"), ElementsAre(2, 1));
  EXPECT_THAT(values.starts[place_of(*fields, "categories")], ElementsAre(0, 2, 2, 2));
  ASSERT_EQ(values.numbers.size(), 2u);
  EXPECT_EQ(values.numbers[0].size(), 1u);
  EXPECT_EQ(values.numbers[1].size(), 3u);
}

TEST(RankingFields, NobodyIsARequestLikeAnyOther) {
  World world;
  const auto fields = RankingFields::make(parts(), world.types, {});
  ASSERT_TRUE(fields);
  const auto values = world.read(*fields, {nullptr, "NO", {-1}});
  EXPECT_THAT(values.ids[place_of(*fields, "region")], ElementsAre(1)) << "the request's own";
  EXPECT_THAT(values.ids[place_of(*fields, "hour")], ElementsAre(24)) << "before 1970";
  EXPECT_THAT(values.ids[place_of(*fields, "weekday")], ElementsAre(7));
  EXPECT_TRUE(values.ids[place_of(*fields, "history")].empty());
  EXPECT_FLOAT_EQ(values.numbers[0][0], std::asinh(1e6F)) << "recency of nobody";
}

// Rare ids of every field by a rule.
RankingFields::Parts rare_parts(RareIds kind) {
  RankingFields::Parts of = parts();
  const RareRows rare{kind, 8};
  of.vocabulary.regions = NameRows({"NO"}, rare);
  of.vocabulary.creators = NameRows({"mary"}, rare);
  of.vocabulary.tags = NameRows({"slow"}, rare);
  of.vocabulary.categories = NameRows({"news"}, rare);
  of.vocabulary.item_rows = {0, 2, 1, kUnusedRow};
  of.vocabulary.item_rare = rare;
  return of;
}

TEST(RankingFields, RareIdsReadTheRowsOfTheirRule) {
  World world;
  UserState user;
  for (const uint32_t item : {0U, 1U}) {
    HistoryEntry entry;
    entry.item = {item};
    entry.preference = 1;
    user.history.push_back(entry);
  }
  const auto of = rare_parts(RareIds::kQuotientRemainder);
  const RankingVocabulary& vocabulary = of.vocabulary;
  const auto fields = RankingFields::make(of, world.types, {});
  ASSERT_TRUE(fields) << fields.error().message;
  const Catalogue::View view = world.catalogue.view();
  const std::vector<ItemIx> items{{0}, {1}, {7}};
  RankingFields::Values values;
  RankingFields::Scratch scratch;
  const FeatureSources from{&world.types, &view, &world.popularity, nullptr};
  fields->read({from, {&user, "PT", {0}}, items}, values, scratch);
  const auto ids = [&](std::string_view name) { return values.ids[place_of(*fields, name)]; };
  const auto& item = fields->ids()[place_of(*fields, "item")];
  EXPECT_TRUE(item.many && item.sum);
  EXPECT_EQ(item.rows, 3U + 8U);
  IdRows rare = vocabulary.item_rare.rows_of("0");
  EXPECT_THAT(ids("item"), ElementsAre(3 + rare.row[0], 3 + rare.row[1], 2, 0))
      << "what is rare, what is frequent, what there is not";
  EXPECT_THAT(values.starts[place_of(*fields, "item")], ElementsAre(0, 2, 3, 4));
  EXPECT_THAT(ids("history"), ElementsAre(3 + vocabulary.item_rare.row_of("0"), 2))
      << "one row each: they are read one by one";
  const IdRows region = vocabulary.regions.rows_of("PT");
  EXPECT_THAT(ids("region"), ElementsAre(region.row[0], region.row[1]));
  EXPECT_THAT(values.starts[place_of(*fields, "region")], ElementsAre(0, 2));
  EXPECT_EQ(ids("categories")[1], vocabulary.categories.row_of("drama"));
  EXPECT_FALSE(fields->ids()[place_of(*fields, "categories")].sum) << "a mean of its ids";
}

TEST(RankingFields, UnusedAndNarrowItemsHaveRowsToo) {
  World world;
  auto of = parts();
  of.vocabulary.item_rows = {kUnusedRow, 0, 1};
  of.vocabulary.item_rare = {RareIds::kHashed, 8};
  of.vocabulary.item_narrow = {0, 1, 0};
  of.vocabulary.items_narrow = 2;
  of.vocabulary.history_rows = {0, 1, kUnusedRow};
  of.vocabulary.history_items = 2;
  of.vocabulary.categories = NameRows({"news"}, {}, {"drama"});
  const auto fields = RankingFields::make(of, world.types, {});
  ASSERT_TRUE(fields) << fields.error().message;
  UserState user;
  for (const uint32_t item : {0U, 1U, 2U}) {
    HistoryEntry entry;
    entry.item = {item};
    entry.preference = 1;
    user.history.push_back(entry);
  }
  of.history = 3;
  const auto values =
      world.read(RankingFields::make(of, world.types, {}).value(), {&user, {}, {0}});
  const auto ids = [&](std::string_view name) { return values.ids[place_of(*fields, name)]; };
  const RareRows& rare = of.vocabulary.item_rare;
  EXPECT_THAT(ids("item"), ElementsAre(3 + rare.row_of("1"), 1, 0));
  EXPECT_THAT(ids("item.narrow"), ElementsAre(1, 0, 0));
  EXPECT_THAT(ids("history"), ElementsAre(2 + rare.row_of("0"), 1, 0));
  EXPECT_THAT(ids("categories"), ElementsAre(1, 0));
  EXPECT_THAT(ids("categories.narrow"), ElementsAre(0, 1));
}

TEST(RankingFields, JsonComesBackAndDamageIsFound) {
  const std::string json = to_json(parts());
  const auto back = ranking_fields_from_json(json);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), json);
  EXPECT_EQ(back->vocabulary.categories.row_of("news"), 2u);
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = json;
    text.replace(text.find(from), from.size(), to);
    return ranking_fields_from_json(text);
  };
  EXPECT_EQ(replaced("\"format\":1", "\"format\":9").error().code, Code::kUnsupportedVersion);
  EXPECT_EQ(replaced("[\"mary\"]", "\"mary\"").error().code, Code::kCorrupt);
  EXPECT_EQ(replaced("[\"NO\",\"PT\"]", "[\"NO\",\"NO\"]").error().code, Code::kCorrupt);
  EXPECT_EQ(replaced("\"items\":3", "\"items\":0").error().code, Code::kCorrupt);
  EXPECT_EQ(ranking_fields_from_json("[]").error().code, Code::kCorrupt);
  EXPECT_EQ(ranking_fields_from_json("{").error().code, Code::kCorrupt);
}

TEST(RankingFields, RulesForRareIdsComeBackAndDamageIsFound) {
  auto of = rare_parts(RareIds::kQuotientRemainder);
  of.vocabulary.languages = NameRows({"pt"}, {}, {"nb", "da"});
  of.vocabulary.items_narrow = 4;
  of.vocabulary.history_items = 2;
  const std::string json = to_json(of);
  EXPECT_NE(json.find("\"format\":2"), std::string::npos);
  EXPECT_NE(to_json(parts()).find("\"format\":1"), std::string::npos) << "for older readers";
  const auto back = ranking_fields_from_json(json);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), json);
  EXPECT_EQ(back->vocabulary.tags.rows_of("fast"), of.vocabulary.tags.rows_of("fast"));
  EXPECT_EQ(back->vocabulary.languages.narrow_row("da"), 2u);
  const auto replaced = [&](const std::string& before, const std::string& after) {
    std::string text = json;
    EXPECT_NE(text.find(before), std::string::npos) << before;
    text.replace(text.find(before), before.size(), after);
    return ranking_fields_from_json(text).error().code;
  };
  EXPECT_EQ(replaced("quotient_remainder", "qutient"), Code::kCorrupt);
  EXPECT_EQ(replaced("\"rows\":8", "\"rows\":1"), Code::kCorrupt);
  EXPECT_EQ(replaced("\"rows\":8", "\"rows\":5000000000"), Code::kCorrupt);
  EXPECT_EQ(replaced("[\"nb\",\"da\"]", "[\"nb\",\"pt\"]"), Code::kCorrupt);
  EXPECT_EQ(replaced("\"items_narrow\":4", "\"items_narrow\":0"), Code::kCorrupt);
  EXPECT_EQ(replaced("\"narrow\":{", "\"narrow\":[],\"x\":{"), Code::kCorrupt);
}

TEST(RankingFields, RefusesWhatDoesNotFit) {
  World world;
  auto wrong = parts();
  wrong.vocabulary.item_rows.push_back(3);
  EXPECT_EQ(RankingFields::make(wrong, world.types, {}).error().code, Code::kInvalidArgument);
  wrong = parts();
  wrong.features = {"item_count:click:1d"};
  EXPECT_EQ(RankingFields::make(wrong, world.types, {}).error().code, Code::kInvalidArgument)
      << "[features] counters is off";
}

}  // namespace
}  // namespace palate
