#include "simulate/world.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "simulate/emit.h"

namespace palate {
namespace {

SimulateConfig small() {
  SimulateConfig config;
  config.users = 400;
  config.items = 300;
  return config;
}

TEST(World, OneSeedGivesOneWorld) {
  const auto a = World::make(small());
  const auto b = World::make(small());
  auto other_config = small();
  other_config.seed = 2;
  const auto other = World::make(other_config);
  const auto first = a->sessions()[17];
  const auto again = b->sessions()[17];
  EXPECT_EQ(first.start, again.start);
  const auto x = a->play(first);
  const auto y = b->play(again);
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(x[i].item, y[i].item);
    EXPECT_EQ(x[i].ts, y[i].ts);
  }
  EXPECT_NE(other->sessions()[17].start, first.start);
}

TEST(World, TitlesAreDistinctInEveryLanguage) {
  auto config = small();
  config.items = 5000;  // more than there are combinations of words
  const auto world = World::make(config);
  for (const char* language : {"en", "de", "es"}) {
    std::set<std::string> titles;
    for (const auto& item : world->items()) titles.insert(item.titles.at(language));
    EXPECT_EQ(titles.size(), world->items().size()) << language;
  }
}

TEST(World, ClicksFollowPositionAndTaste) {
  auto config = small();
  config.bot_share = 0;
  const auto world = World::make(config);
  std::map<int, std::pair<int, int>> by_slot;  // shown, clicked
  double clicked_affinity = 0, shown_affinity = 0;
  int clicks = 0, shows = 0;
  std::map<std::string, size_t> index;
  for (size_t i = 0; i < world->items().size(); ++i) index[world->items()[i].id] = i;
  for (const auto& session : world->sessions()) {
    for (const auto& event : world->play(session)) {
      const double affinity = world->affinity(session.user, index[event.item], 0);
      if (event.type == "impression") {
        ++by_slot[event.slot].first;
        shown_affinity += affinity;
        ++shows;
      }
      if (event.type == "click") {
        ++by_slot[event.slot].second;
        clicked_affinity += affinity;
        ++clicks;
      }
    }
  }
  const auto rate = [&](int slot) { return double(by_slot[slot].second) / by_slot[slot].first; };
  // (s + 1)^-0.7: the tenth slot is looked at a fifth as often as the first.
  EXPECT_NEAR(rate(9) / rate(0), std::pow(10.0, -0.7), 0.08);
  EXPECT_GT(clicked_affinity / clicks, 1.3 * shown_affinity / shows);
}

TEST(World, NothingIsShownBeforeItsRelease) {
  auto config = small();
  config.launch_share = 0.5;
  const auto world = World::make(config);
  std::map<std::string, TimeUs> released;
  for (const auto& item : world->items()) released[item.id] = item.released;
  TimeUs before{};
  for (const auto& session : world->sessions()) {
    EXPECT_GE(session.start, before) << "sessions ascend";
    before = session.start;
    for (const auto& event : world->play(session)) EXPECT_GE(event.ts, released.at(event.item));
  }
}

TEST(World, BotsClickFarMoreThanPeople) {
  auto config = small();
  config.bot_share = 0.1;
  const auto world = World::make(config);
  double bots = 0, bot_clicks = 0, people = 0, clicks = 0;
  for (size_t u = 0; u < world->users().size(); ++u) (world->is_bot(u) ? bots : people) += 1;
  for (const auto& session : world->sessions()) {
    for (const auto& event : world->play(session)) {
      if (event.type == "click") (world->is_bot(session.user) ? bot_clicks : clicks) += 1;
    }
  }
  ASSERT_GT(bots, 10);
  EXPECT_GT(bot_clicks / bots, 5 * clicks / people);
}

TEST(World, TheStreamOfEventsAscendsAndLosesNothing) {
  const auto world = World::make(small());
  size_t expected = 0;
  for (const auto& session : world->sessions()) expected += world->play(session).size();
  EventBatch batch;
  const auto types = EventTypes::defaults();
  TimeUs before{};
  ASSERT_TRUE(for_each_happening(*world, {}, [&](const World::Happening& happening) -> Status {
    EXPECT_GE(happening.ts, before);
    before = happening.ts;
    return append_happening(happening, types, batch);
  }));
  EXPECT_EQ(batch.rows.size(), expected);
  EXPECT_EQ(batch.rows.back().ts, before);
  EXPECT_EQ(types.at(batch.rows.front().type).name, "impression");
}

}  // namespace
}  // namespace palate
