#include "simulate/truth/attacks.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "simulate/played_for_test.h"

namespace palate {
namespace {

SimulateConfig attacked() {
  SimulateConfig config;
  config.users = 1500;
  config.items = 300;
  config.days = 10;
  return config;
}

struct Traffic {
  double attack = 0, all = 0;                   // events within the time of the attack
  std::map<Malice, std::set<uint32_t>> pushed;  // the target, by whom
  double early = 0;                             // pushes before the attack
};

Traffic traffic_of(const World& world) {
  const Truth truth(world);
  const double days = double(world.config().days);
  Traffic traffic;
  for (const Happening& happening : play_all(world).happenings) {
    const double share = double(happening.us) / double(kDayUs) / days;
    const Malice malice = truth.malice(happening.user);
    const bool inside = share >= world.config().attack_from && share < world.config().attack_to;
    if (inside) {
      ++traffic.all;
      if (malice != Malice::kNone) ++traffic.attack;
    }
    if (malice == Malice::kNone || happening.item != truth.target()) continue;
    if (happening.type == Happened::kLike || happening.type == Happened::kRating) {
      traffic.pushed[malice].insert(happening.user);
      if (share < world.config().attack_from) ++traffic.early;
    }
  }
  return traffic;
}

TEST(Attacks, HaveTheShareOfTrafficThatIsAskedFor) {
  for (const double share : {0.05, 0.2}) {
    auto config = attacked();
    config.farm_share = share;
    const Traffic traffic = traffic_of(make_world(config));
    EXPECT_NEAR(traffic.attack / traffic.all, share, 0.4 * share);
    EXPECT_EQ(traffic.early, 0);
  }
}

TEST(Attacks, EachKindPushesTheTarget) {
  auto config = attacked();
  config.farm_share = config.bomber_share = config.sleeper_share = config.flood_share = 0.05;
  const World world = make_world(config);
  const Traffic traffic = traffic_of(world);
  for (const Malice malice : {Malice::kFarm, Malice::kBomber, Malice::kSleeper, Malice::kFlood})
    EXPECT_GT(traffic.pushed.at(malice).size(), 5U) << static_cast<int>(malice);
  EXPECT_GT(world.users(), 1500U);
}

TEST(Attacks, BombersRateTheVictimDown) {
  auto config = attacked();
  config.bomber_share = 0.05;
  const World world = make_world(config);
  const Truth truth(world);
  double bad = 0, honest = 0, honest_sum = 0;
  for (const Happening& happening : play_all(world).happenings) {
    if (happening.type != Happened::kRating || happening.item != truth.victim()) continue;
    if (truth.malice(happening.user) == Malice::kBomber) {
      EXPECT_EQ(happening.value, 1);
      ++bad;
    } else {
      ++honest;
      honest_sum += double(happening.value);
    }
  }
  EXPECT_GT(bad, 20);
  if (honest > 0) {
    EXPECT_GT(honest_sum / honest, 2.5) << "it is good";
  }
}

TEST(Attacks, FloodsSignUpInAFewHours) {
  auto config = attacked();
  config.flood_share = 0.1;
  const World world = make_world(config);
  const Truth truth(world);
  std::set<int64_t> hours;
  double accounts = 0;
  std::set<uint32_t> seen;
  for (const Happening& happening : play_all(world).happenings) {
    if (truth.malice(happening.user) != Malice::kFlood || !seen.insert(happening.user).second)
      continue;
    hours.insert(happening.us / (3600 * kSecondUs));
    ++accounts;
  }
  EXPECT_GT(accounts, 100);
  EXPECT_LE(hours.size(), 6U);
}

TEST(Attacks, PeopleLiveAsTheyWouldWithoutThem) {
  auto config = attacked();
  const Played peace = play_all(make_world(config));
  config.farm_share = config.bomber_share = config.sleeper_share = config.flood_share = 0.1;
  const World world = make_world(config);
  std::vector<Happening> people;
  for (const Happening& happening : play_all(world).happenings) {
    if (happening.user < 1500) people.push_back(happening);
  }
  EXPECT_TRUE(same(peace.happenings, people));
}

}  // namespace
}  // namespace palate
