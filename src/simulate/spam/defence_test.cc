#include "simulate/spam/defence.h"

#include <gtest/gtest.h>

#include "simulate/truth/truth.h"

namespace palate {
namespace {

constexpr double kDayS = 86'400;

SimulateConfig attacked(double share) {
  SimulateConfig config;
  config.users = 1200;
  config.items = 200;
  config.days = 10;
  config.farm_share = share;
  config.breakout_share = 0.02;
  return config;
}

// A defence that knows the truth; `of_honest` of the honest users are thought ill of, too.
MakeRanking knowing(double of_honest) {
  return [of_honest](const World& world) -> Result<ItemRanking> {
    const auto weight = [of_honest](const World& w, uint32_t user) {
      const bool ill = Truth(w).malice(user) != Malice::kNone;
      return ill || user % 100 < 100 * of_honest ? 0.0 : 1.0;
    };
    auto ranking = TRY(count_likes(kDayS, [weight](const World& w, const Happening& happening) {
      return weight(w, happening.user);
    })(world));
    ranking.trust = [weight, &world]() -> Result<std::vector<double>> {
      std::vector<double> trust;
      for (uint32_t u = 0; u < world.users(); ++u) trust.push_back(weight(world, u));
      return trust;
    };
    return ranking;
  };
}

TEST(Defence, AnAttackPaysWithoutOneAndNotAgainstOneThatKnowsTheTruth) {
  const auto measured = measure_defence(attacked(0.05), count_likes(kDayS), knowing(0));
  ASSERT_TRUE(measured) << measured.error().message;
  EXPECT_NEAR(measured->attack.attack_share, 0.05, 0.02);
  EXPECT_EQ(measured->peace.attack_share, 0);
  EXPECT_GT(measured->attack.target_share, 5 * measured->peace.target_share);
  EXPECT_LT(measured->gain_left(), 0.1);
  EXPECT_EQ(measured->attack_defended.precision, 1);
  EXPECT_EQ(measured->attack_defended.recall, 1);
  EXPECT_EQ(measured->attack_defended.honest_caught, 0);
  EXPECT_EQ(measured->attack.recall, 0) << "without a defence everybody is trusted";
}

TEST(Defence, WhatStrikesTheHonestIsCounted) {
  const World world = *World::make(attacked(0.05));
  const auto measured = measure_exposure(world, knowing(0.1));
  ASSERT_TRUE(measured);
  EXPECT_NEAR(measured->honest_caught, 0.1, 0.03);
  EXPECT_LT(measured->precision, 0.5);
}

TEST(Defence, OneThatDoesNothingLeavesTheWholeGain) {
  const auto measured = measure_defence(attacked(0.05), count_likes(kDayS), count_likes(kDayS));
  ASSERT_TRUE(measured);
  EXPECT_EQ(measured->gain_left(), 1);
}

TEST(Defence, HitsTrendWithinHoursUnlessTheRankingIsBlind) {
  const World world = *World::make(attacked(0));
  const auto seeing = measure_exposure(world, count_likes(0.25 * kDayS));
  const auto blind = measure_exposure(
      world, count_likes(0.25 * kDayS, [](const World& w, const Happening& happening) {
        return Truth(w).buzz(happening.item, double(happening.us) / double(kDayUs)) > 0 ? 0.0 : 1.0;
      }));
  ASSERT_TRUE(seeing && blind);
  ASSERT_FALSE(seeing->hours_to_trend.empty());
  for (const double hours : seeing->hours_to_trend) {
    EXPECT_GE(hours, 0);
    EXPECT_LT(hours, 24);
  }
  for (const double hours : blind->hours_to_trend) EXPECT_EQ(hours, -1);
}

TEST(Defence, AnErrorOfTheRankingEndsTheMeasurement) {
  const World world = *World::make(attacked(0));
  const auto measured = measure_exposure(world, [](const World&) -> Result<ItemRanking> {
    return ItemRanking{.observe = [](auto) -> Status { return fail(Code::kIo, "no disk"); },
                       .scores = [](TimeUs) { return Result<std::vector<double>>{}; },
                       .trust = {}};
  });
  ASSERT_FALSE(measured);
  EXPECT_EQ(measured.error().message, "no disk");
}

}  // namespace
}  // namespace palate
