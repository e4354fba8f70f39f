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

TEST(RankingFields, VocabulariesKeepWhatIsFrequent) {
  const NameRows rows = NameRows::of_counts({{"a", 5}, {"b", 9}, {"c", 2}, {"", 99}, {"d", 5}}, 3);
  EXPECT_THAT(rows.names(), ElementsAre("b", "a", "d"));
  EXPECT_EQ(rows.row("b"), 1u);
  EXPECT_EQ(rows.row("c"), 0u);
  EXPECT_EQ(rows.rows(), 4u);
}

TEST(RankingFields, JsonComesBackAndDamageIsFound) {
  const std::string json = to_json(parts());
  const auto back = ranking_fields_from_json(json);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), json);
  EXPECT_EQ(back->vocabulary.categories.row("news"), 2u);
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
