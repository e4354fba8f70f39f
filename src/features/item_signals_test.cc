#include "features/item_signals.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "features/memory_parts_for_test.h"

namespace palate {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr int64_t kNow = 20 * kDayUs;

struct Parts {
  EventTypes types = EventTypes::defaults();
  FeatureConfig config = everything(3);
  Catalogue catalogue;
  ItemSignals signals{config, types};

  ItemIx post(const std::string& id, std::vector<std::string> categories) {
    ItemRecord record;
    record.id = id;
    record.categories = std::move(categories);
    ItemTraits before;
    {
      const auto view = catalogue.view();
      before = view.traits(view.find(id).value_or(ItemIx{}));
    }
    const ItemIx item = *catalogue.apply(record);
    signals.move(item, before, catalogue.view().traits(item));
    return item;
  }
  void add(const std::vector<Signal>& events, const std::vector<LikedTogether>& liked = {}) {
    std::vector<EventWeight> weights(events.size());
    signals.add({events, weights, liked}, catalogue.view());
  }
  Signal click(ItemIx item, int64_t us, uint64_t offset = 0) const {
    return {
        .offset = offset, .item = item, .preference = 1, .at = {us}, .type = *types.find("click")};
  }
  double category(uint32_t number) const {
    return signals.view().categories().read(types.find("click")->value, number, kWeek,
                                            DecayedCounts::Moment({kNow}));
  }
  std::map<std::string, std::string> all() {
    std::map<std::string, std::string> stored;
    for (auto& put : signals.puts(signals.take_changed())) stored[put.key] = *put.value;
    return stored;
  }
};

// Within the allowed lateness or without: counts do not know an order.
RC_GTEST_PROP(ItemSignals, OrderAndCutsOfEventsDoNotChangeTheBytes, ()) {
  Parts a, b;
  std::vector<Signal> events;
  for (Parts* parts : {&a, &b}) {
    parts->post("x", {"c"});
    parts->post("y", {"c", "d"});
  }
  const auto count = *rc::gen::inRange(1, 60);
  for (int i = 0; i < count; ++i) {
    events.push_back(
        a.click({*rc::gen::inRange<uint32_t>(0, 2)}, *rc::gen::inRange<int64_t>(0, kNow)));
    events.back().type = {*rc::gen::inRange<uint16_t>(0, 4)};
  }
  a.add(events);
  std::shuffle(events.begin(), events.end(), std::minstd_rand(*rc::gen::arbitrary<uint32_t>()));
  for (const Signal& event : events) b.add({event});
  RC_ASSERT(a.category(0) == b.category(0));
  RC_ASSERT(a.all() == b.all());
}

TEST(ItemSignals, AnItemTakesItsCountsToItsNewCategories) {
  Parts parts;
  const ItemIx x = parts.post("x", {"drama"}), y = parts.post("y", {"drama"});
  parts.add({parts.click(x, kNow), parts.click(y, kNow), parts.click(x, kNow)});
  EXPECT_NEAR(parts.category(0), 3, 1e-3);
  parts.post("x", {"comedy"});
  EXPECT_NEAR(parts.category(0), 1, 1e-3);
  EXPECT_NEAR(parts.category(1), 2, 1e-3);
}

TEST(ItemSignals, WhatIsStoredComesBack) {
  Parts before;
  const ItemIx x = before.post("x", {"drama"}), y = before.post("y", {});
  Signal click = before.click(x, kNow, 7);
  click.place = before.signals.locality(R"({"a":"\"region\":\"no\"","region":"DE"})");
  before.add({click}, {{7, x, y}});
  MemoryStore store;
  ASSERT_TRUE(store.write(before.signals.puts(before.signals.take_changed())));
  Parts after;
  after.post("x", {"drama"});
  after.post("y", {});
  ASSERT_TRUE(after.signals.load(store, after.catalogue.view()));
  EXPECT_EQ(after.category(0), before.category(0));
  {
    const auto view = after.signals.view();
    EXPECT_THAT(view.co_views(y), ElementsAre(CoView{x, kWholeWeight}));
    EXPECT_NE(view.region("DE"), kNoRegion);
    EXPECT_EQ(view.region("no"), kNoRegion);
    EXPECT_NE(view.regions().find(click.type.value, view.region("DE")), nullptr);
  }
  for (auto& [key, value] : store.values) {
    MemoryStore torn = store;
    torn.values[key].pop_back();
    EXPECT_EQ(after.signals.load(torn, after.catalogue.view()).error().code, Code::kCorrupt);
  }
}

TEST(ItemSignals, LikesOfAPlaceAreStoredWhereTheyChanged) {
  Parts before;
  const ItemIx x = before.post("x", {}), y = before.post("y", {});
  const std::string context = R"({"region":"DE","segment":"DE"})";
  Signal click = before.click(x, kNow);
  click.place = before.signals.locality(context);
  EXPECT_NE(click.place.region, click.place.segment);
  before.add({click, click});
  MemoryStore store;
  ASSERT_TRUE(store.write(before.signals.puts(before.signals.take_changed())));
  click.item = y;
  before.add({click});
  const auto changed = before.signals.take_changed();
  EXPECT_EQ(changed.local.size(), 2u);
  before.signals.give_back(changed);
  ASSERT_TRUE(store.write(before.signals.puts(before.signals.take_changed())));
  Parts after;
  after.post("x", {});
  after.post("y", {});
  ASSERT_TRUE(after.signals.load(store, after.catalogue.view()));
  const auto view = after.signals.view();
  const DecayedCounts::Moment moment({kNow});
  const Locality place = view.locality(context);
  EXPECT_EQ(place.segment, view.segment("DE"));
  EXPECT_EQ(view.locality(R"({"region":"FR"})").region, kNoRegion);
  for (const RegionIx where : {place.region, place.segment}) {
    EXPECT_NEAR(view.local_likes(where).at(x.value).likes.read(kDay, moment), 2, 1e-3);
    EXPECT_NEAR(view.local_likes(where).at(y.value).likes.read(kDay, moment), 1, 1e-3);
    EXPECT_NEAR(view.regions().read(view.likes(), where, kDay, moment), 3, 1e-3);
  }
  EXPECT_TRUE(view.local_likes(kNoRegion).empty());
}

TEST(CoViews, KeepTheHeaviestInBoundedMemory) {
  CoViews views(2);
  for (int i = 0; i < 5; ++i) views.add({0}, {1}, 256);
  views.add({0}, {2}, 100);
  views.add({0}, {3}, 50);  // takes the place and the weight of the least
  EXPECT_THAT(views.of({0}), UnorderedElementsAre(CoView{{1}, 1280}, CoView{{3}, 150}));
  EXPECT_TRUE(views.of({9}).empty());
}

}  // namespace
}  // namespace palate
