#include "simulate/world.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulate/emit.h"
#include "simulate/played_for_test.h"
#include "simulate/truth/truth.h"

namespace palate {
namespace {

SimulateConfig small() {
  SimulateConfig config;
  config.users = 400;
  config.items = 300;
  config.days = 12;
  return config;
}

// Visits are short and few, so that nobody has seen anything before.
SimulateConfig strangers() {
  SimulateConfig config = small();
  config.users = 12'000;
  config.days = 2;
  config.sessions_per_user = 1;
  config.activity_spread = 0;
  config.repeat_share = 0;
  config.breakout_share = 0;
  return config;
}

double day_of(const Happening& happening) { return double(happening.us) / double(kDayUs); }

TEST(World, OneSeedGivesOneWorldWhateverTheThreads) {
  const World world = make_world(small());
  ThreadPool three(3);
  const Played alone = play_all(world), together = play_all(world, {.pool = &three});
  ASSERT_GT(alone.happenings.size(), 20'000U);
  EXPECT_TRUE(same(alone.happenings, together.happenings));
  EXPECT_EQ(alone.signed_up, together.signed_up);
  auto other = small();
  other.seed = 2;
  EXPECT_FALSE(same(alone.happenings, play_all(make_world(other)).happenings));
}

TEST(World, ARecommenderThatAnswersLikeTheWorldChangesNothing) {
  auto config = small();
  config.sleeper_share = config.farm_share = 0.1;
  const World world = make_world(config);
  const Truth truth(world);
  std::vector<Happening> observed;
  int64_t asked_us = 0;
  const Played closed = play_all(
      world, {.recommend =
                  [&](const World::Request& request, std::vector<uint32_t>& slate) {
                    EXPECT_GE(request.at.us, asked_us) << "requests come in order of time";
                    asked_us = request.at.us;
                    if (!observed.empty()) {
                      EXPECT_LT(world.start().us + observed.back().us, request.at.us);
                    }
                    slate = truth.own_slate(request);
                  },
              .observe = [&](const Happening& happening) { observed.push_back(happening); }});
  EXPECT_TRUE(same(closed.happenings, play_all(world).happenings));
  EXPECT_TRUE(same(closed.happenings, observed)) << "everything is observed once, in order";
}

TEST(World, EventsAscendAndKnowTheirPageUserAndItem) {
  const World world = make_world(small());
  const Truth truth(world);
  const Played all = play_all(world);
  const EventTypes types = EventTypes::defaults();
  const auto batch = to_events(world, all.happenings, types);
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->rows.size(), all.happenings.size());
  const std::set<uint32_t> signed_up(all.signed_up.begin(), all.signed_up.end());
  std::set<std::tuple<std::string_view, std::string_view, std::string_view, int64_t>> distinct;
  int64_t before = 0;
  for (size_t i = 0; i < batch->rows.size(); ++i) {
    const Happening& happening = all.happenings[i];
    const EventView& row = batch->rows[i];
    ASSERT_GE(happening.us, before);
    before = happening.us;
    EXPECT_TRUE(signed_up.contains(happening.user));
    EXPECT_EQ(row.user, world.user(happening.user).id);
    EXPECT_EQ(row.item, item_name(happening.item));
    EXPECT_GE(day_of(happening), truth.item(happening.item).released_day);
    EXPECT_EQ(row.request_id.empty(), row.slot == kNoSlot);
    distinct.emplace(row.user, row.item, types.at(row.type).name, row.ts.us);
  }
  EXPECT_EQ(distinct.size(), batch->rows.size()) << "no two rows are equal";
}

TEST(World, ClicksAreAnAffineFunctionOfAttraction) {
  auto config = strangers();
  config.trust_bias = 0.3;
  config.random_share = 1;
  const World world = make_world(config);
  const Truth truth(world);
  struct Slot {
    double shown = 0, clicked = 0, attraction = 0;
  };
  std::map<int, Slot> slots;
  for (const Happening& happening : play_all(world).happenings) {
    if (happening.slot == kNoSlot || happening.page > 0) continue;
    Slot& slot = slots[happening.slot];
    if (happening.type == Happened::kClick) ++slot.clicked;
    if (happening.type != Happened::kImpression) continue;
    ++slot.shown;
    slot.attraction += truth.attraction(happening.user, happening.item, day_of(happening));
  }
  ASSERT_EQ(slots.size(), 10U);
  for (const auto& [s, slot] : slots) {
    const double expected = truth.alpha(s) * slot.attraction / slot.shown + truth.beta(s);
    const double sigma = std::sqrt(expected / slot.shown);
    EXPECT_NEAR(slot.clicked / slot.shown, expected, 4 * sigma) << "slot " << s;
  }
  EXPECT_NEAR(truth.examination(9), std::pow(10.0, -0.7), 1e-12);
  EXPECT_NEAR(truth.beta(0), 0.3, 1e-12) << "looked at for sure, clicked for its place";
}

// Clicks a page view, of items for which `of` says so, over those of the others.
template <class Of>
double click_ratio(const World& world, const Of& of) {
  double shown[2] = {0, 0}, clicked[2] = {0, 0};
  for (const Happening& happening : play_all(world).happenings) {
    if (happening.slot == kNoSlot) continue;
    const int which = of(happening.item) ? 1 : 0;
    if (happening.type == Happened::kImpression) ++shown[which];
    if (happening.type == Happened::kClick) ++clicked[which];
  }
  return (clicked[1] / shown[1]) / (clicked[0] / shown[0]);
}

TEST(World, PopularItemsAttractBeyondWhatTheyAreWorth) {
  auto config = strangers();
  config.random_share = 1;  // everything is shown equally often
  config.popularity_bias = 0;
  const auto popular = [](const Truth& truth) {
    return [&truth](uint32_t item) { return truth.item(item).popularity > 0.5F; };
  };
  const World fair = make_world(config);
  config.popularity_bias = 1;
  const World biased = make_world(config);
  EXPECT_GT(click_ratio(biased, popular(Truth(biased))),
            2 * click_ratio(fair, popular(Truth(fair))));
}

TEST(World, ClickbaitIsClickedMoreAndSatisfiesLess) {
  auto config = strangers();
  config.random_share = 1;
  config.clickbait = 1;
  const World world = make_world(config);
  const Truth truth(world);
  const auto bait = [&](uint32_t item) { return truth.item(item).bait > 0.7F; };
  EXPECT_GT(click_ratio(world, bait), 1.5);
  double watched[2] = {0, 0}, clicks[2] = {0, 0};
  for (const Happening& happening : play_all(world).happenings) {
    if (happening.type == Happened::kClick) ++clicks[bait(happening.item) ? 1 : 0];
    if (happening.type == Happened::kWatch)
      watched[bait(happening.item) ? 1 : 0] +=
          double(happening.value / truth.item(happening.item).length_s);
  }
  EXPECT_LT(watched[1] / clicks[1], 0.8 * watched[0] / clicks[0]) << "share of the length watched";
  config.clickbait = 0;
  const World honest = make_world(config);
  EXPECT_NEAR(click_ratio(honest, bait), 1, 0.15) << "the same items without their bait";
}

TEST(World, SurveysSayWhatSatisfiesAndNotWhatIsClicked) {
  auto config = strangers();
  config.survey_share = 1;
  const World world = make_world(config);
  const Truth truth(world);
  double answers = 0, off = 0;
  for (const Happening& happening : play_all(world).happenings) {
    if (happening.type != Happened::kSurvey) continue;
    EXPECT_GE(happening.value, 1);
    EXPECT_LE(happening.value, 5);
    const double expected =
        1 + 4 * truth.satisfaction(happening.user, happening.item, day_of(happening));
    off += double(happening.value) - expected;
    ++answers;
  }
  ASSERT_GT(answers, 2000);
  EXPECT_GT(off / answers, 0) << "people click in the mood for it, the truth is of all moods";
  EXPECT_LT(off / answers, 0.5);
}

TEST(World, SeasonsMoveCategories) {
  auto config = small();
  config.days = 360;
  config.users = 2000;
  config.sessions_per_user = 20;
  config.season_strength = 1.5;
  config.random_share = 1;
  const World world = make_world(config);
  const Truth truth(world);
  double shown[2] = {0, 0}, clicked[2] = {0, 0};
  for (const Happening& happening : play_all(world).happenings) {
    const double season = truth.season(truth.item(happening.item).category, day_of(happening));
    if (std::abs(season) < 1 || happening.slot == kNoSlot) continue;
    if (happening.type == Happened::kImpression) ++shown[season > 0];
    if (happening.type == Happened::kClick) ++clicked[season > 0];
  }
  EXPECT_GT(clicked[1] / shown[1], 2 * clicked[0] / shown[0]);
}

TEST(World, PeopleComeInTheEveningAndAtWeekends) {
  auto config = small();
  config.users = 3000;
  config.days = 28;  // from a Thursday on
  config.weekend_boost = 1;
  const World world = make_world(config);
  std::set<std::pair<uint32_t, uint32_t>> seen;
  double weekend = 0, workday = 0, night = 0, evening = 0;
  for (const Happening& happening : play_all(world).happenings) {
    if (!seen.emplace(happening.user, happening.visit).second) continue;
    const int64_t weekday = (happening.us / kDayUs + 3) % 7;  // Monday is 0
    (weekday >= 5 ? weekend : workday) += weekday >= 5 ? 1 / 8.0 : 1 / 20.0;
    if (world.region(happening.user) != "GB") continue;  // whose clock is UTC
    const int64_t hour = happening.us % kDayUs / (3600 * kSecondUs);
    if (hour >= 2 && hour < 5) ++night;
    if (hour >= 19 && hour < 22) ++evening;
  }
  EXPECT_NEAR(weekend / workday, 2, 0.2);
  EXPECT_GT(evening, 5 * night);
}

// The best or the worst for the user of some items, by the truth.
World::Play served(const World& world, bool well) {
  return {.recommend = [&world, well](const World::Request& request, std::vector<uint32_t>& slate) {
    const Truth truth(world);
    slate = truth.own_slate(request);
    const double day = double(request.at.us - world.start().us) / double(kDayUs);
    std::vector<std::pair<double, uint32_t>> order;
    for (const uint32_t item : slate) {
      const double good = truth.satisfaction(request.user, item, day);
      order.emplace_back(well ? -good : good, item);
    }
    std::ranges::sort(order);
    slate.resize(5);
    for (size_t s = 0; s < slate.size(); ++s) slate[s] = order[s].second;
  }};
}

TEST(World, WhoIsServedWellStaysAndTellsOthers) {
  auto config = small();
  config.users = 1500;
  config.days = 30;
  config.newcomer_share = 0.5;
  config.random_share = 0;
  config.churn_per_visit = 0.05;
  const World world = make_world(config);
  const Played well = play_all(world, served(world, true));
  const Played badly = play_all(world, served(world, false));
  ASSERT_EQ(well.census.size(), 30U);
  EXPECT_GT(well.census.back().served, badly.census.back().served + 0.05);
  const auto share_left = [](const Census& census) {
    return double(census.left) / double(census.joined);
  };
  EXPECT_LT(share_left(well.census.back()), 0.8 * share_left(badly.census.back()));
  EXPECT_GT(well.census[14].joined, badly.census[14].joined);
}

TEST(World, TastesDriftOnADayOfTheirOwn) {
  auto config = small();
  config.drift_share = 1;
  const World world = make_world(config);
  const Truth truth(world);
  int changed = 0;
  for (uint32_t u = 0; u < 100; ++u) {
    const double drift = truth.user(u).drift_day;
    EXPECT_EQ(truth.tastes(u, 0).moods, truth.tastes(u, drift - 0.01).moods);
    changed += truth.tastes(u, 0).moods != truth.tastes(u, drift).moods;
  }
  EXPECT_EQ(changed, 100);
}

TEST(World, HitsBreakOutWithinHours) {
  auto config = small();
  config.users = 3000;
  config.breakout_share = 0.01;
  const World world = make_world(config);
  const Truth truth(world);
  ASSERT_FALSE(truth.hits().empty());
  std::map<uint32_t, std::pair<double, double>> clicks;  // half a day before, after the first hour
  for (const Happening& happening : play_all(world).happenings) {
    if (happening.type != Happened::kClick) continue;
    const double since = day_of(happening) - double(truth.item(happening.item).hit_day);
    if (since > -0.5 && since < 0) ++clicks[happening.item].first;
    if (since > 0.04 && since < 0.54) ++clicks[happening.item].second;
  }
  for (const uint32_t hit : truth.hits()) {
    EXPECT_EQ(truth.buzz(hit, truth.item(hit).hit_day - 0.1), 0);
    EXPECT_GT(truth.buzz(hit, truth.item(hit).hit_day + 0.5), 0.8);
    EXPECT_GT(clicks[hit].second, 3 * clicks[hit].first + 5) << item_name(hit);
  }
}

TEST(World, PropensitiesAreThoseOfTheOwnPolicy) {
  auto config = small();
  config.items = 30;
  const World world = make_world(config);
  const Truth truth(world);
  for (const bool randomized : {false, true}) {
    std::map<uint32_t, double> first, second;  // weights 1 / propensity, by item
    World::Request request{.user = 3, .at = world.start(), .slots = 2, .randomized = randomized};
    constexpr int kDraws = 20'000;
    for (int n = 0; n < kDraws; ++n) {
      request.visit = static_cast<uint32_t>(n);
      const auto slate = truth.own_slate(request);
      ASSERT_EQ(slate.size(), 2U);
      const auto p = truth.propensities(request, slate);
      first[slate[0]] += 1 / p[0] / kDraws;
      second[slate[1]] += 1 / p[0] / p[1] / kDraws;
    }
    EXPECT_GT(first.size(), 15U);
    for (const auto& [item, weight] : first) EXPECT_NEAR(weight, 1, 0.35) << item_name(item);
    double all = 0;  // pairs (first, second): each has weight 1
    for (const auto& [item, weight] : second) all += weight;
    EXPECT_NEAR(all / double(first.size() * (first.size() - 1)), 1, 0.1);
  }
}

TEST(World, TitlesAreDistinctInEveryLanguageAndSeriesShareTheirs) {
  auto config = small();
  config.items = 20'000;  // more than there are combinations of words
  const World world = make_world(config);
  size_t parts = 0;
  for (const char* language : {"en", "de", "es"}) {
    std::set<std::string> titles;
    for (uint32_t i = 0; i < world.items(); ++i) {
      const ItemRecord item = world.item(i);
      titles.insert(item.titles.at(language));
      parts += item.attributes.contains("series");
    }
    EXPECT_EQ(titles.size(), world.items()) << language;
  }
  EXPECT_GT(parts, world.items());  // of three times as many
}

TEST(World, UsersComeBackToWhatTheyKnow) {
  auto config = small();
  config.repeat_share = 0;
  const auto repeats = [](const World& world) {
    std::set<std::pair<uint32_t, uint32_t>> seen;
    double clicks = 0;
    for (const Happening& happening : play_all(world).happenings) {
      if (happening.type != Happened::kClick) continue;
      ++clicks;
      seen.emplace(happening.user, happening.item);
    }
    return 1 - double(seen.size()) / clicks;
  };
  const double without = repeats(make_world(config));
  config.repeat_share = 1;
  EXPECT_GT(repeats(make_world(config)), without + 0.15);
}

TEST(World, TheSmallestWorldsLive) {
  SimulateConfig config;
  config.users = 1;
  config.items = 1;
  config.days = 1;
  config.newcomer_share = 0;
  config.sessions_per_user = 20;
  const World world = make_world(config);
  const Played all = play_all(world);
  ASSERT_FALSE(all.happenings.empty());
  for (const Happening& happening : all.happenings) EXPECT_EQ(happening.item, 0U);
  config.users = 3;
  config.newcomer_share = 1;
  EXPECT_EQ(play_all(make_world(config)).signed_up.size(), 3U) << "all come on the one day";
}

TEST(World, ConfigsThatMakeNoSenseAreRefusedByName) {
  const auto refused = [](auto change) {
    SimulateConfig config;
    change(config);
    const auto world = World::make(config);
    return world ? "accepted" : world.error().message;
  };
  using Config = SimulateConfig;
  const auto says = [](const std::string& name) { return testing::HasSubstr(name); };
  EXPECT_THAT(refused([](Config& c) { c.users = 0; }), says("simulate.users"));
  EXPECT_THAT(refused([](Config& c) { c.items = 0; }), says("simulate.items"));
  EXPECT_THAT(refused([](Config& c) { c.days = 0; }), says("simulate.days"));
  EXPECT_THAT(refused([](Config& c) { c.slots = 101; }), says("simulate.slots"));
  EXPECT_THAT(refused([](Config& c) { c.random_share = 1.1; }), says("simulate.random_share"));
  EXPECT_THAT(refused([](Config& c) { c.churn_per_visit = -0.1; }), says("churn_per_visit"));
  EXPECT_THAT(refused([](Config& c) { c.mood = std::nan(""); }), says("simulate.mood"));
  EXPECT_THAT(refused([](Config& c) { c.start = "tomorrow"; }), says("tomorrow"));
  EXPECT_THAT(refused([](Config& c) { c.attack_from = 0.9; }), says("attack_from"));
  EXPECT_THAT(refused([](Config& c) { c.farm_share = c.flood_share = 0.6; }), says("farm_share"));
}

TEST(World, ATypeThatIsNotDeclaredIsSaid) {
  const World world = make_world(small());
  EventTypes none;
  const auto batch = to_events(world, {}, none);
  ASSERT_FALSE(batch);
  EXPECT_THAT(batch.error().message, testing::HasSubstr("impression"));
}

}  // namespace
}  // namespace palate
