#include "features/item_popularity.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

constexpr int64_t kWeek = ItemPopularity::kHalfLifeUs;

std::vector<ItemPopularity::Change> draw_changes() {
  std::vector<ItemPopularity::Change> changes;
  const auto count = *rc::gen::inRange<size_t>(0, 80);
  for (size_t i = 0; i < count; ++i) {
    const TimeUs ts{*rc::gen::inRange<int64_t>(-3 * kWeek, 40 * kWeek)};
    const auto preference = static_cast<float>(*rc::gen::inRange(1, 100)) / 10;
    changes.push_back(
        ItemPopularity::change({*rc::gen::inRange<uint32_t>(0, 4)}, preference, ts, {}));
  }
  return changes;
}

RC_GTEST_PROP(ItemPopularity, OrderAndCutsDoNotChangeTheBits, ()) {
  const auto changes = draw_changes();
  auto other = changes;
  const auto seed = *rc::gen::arbitrary<uint32_t>();
  std::shuffle(other.begin(), other.end(), std::minstd_rand(seed));
  ItemPopularity a, b;
  a.add(changes);
  for (const auto& change : other) b.add({&change, 1});
  for (uint32_t ix = 0; ix < 4; ++ix) {
    RC_ASSERT(a.encode({ix}) == b.encode({ix}));
    RC_ASSERT(a.read(ItemIx{ix}, {40 * kWeek}) == b.read(ItemIx{ix}, {40 * kWeek}));
  }
}

RC_GTEST_PROP(ItemPopularity, EqualsThePlainSum, ()) {
  struct Event {
    double weight;
    int64_t ts;
  };
  ItemPopularity counted;
  const int64_t now = 12 * kWeek;
  double plain = 0;
  const auto count = *rc::gen::inRange<size_t>(0, 50);
  for (size_t i = 0; i < count; ++i) {
    const auto weight = static_cast<float>(*rc::gen::inRange(1, 50)) / 4;
    const int64_t ts = *rc::gen::inRange<int64_t>(0, now);
    const auto change = ItemPopularity::change({7}, weight, {ts}, {});
    counted.add({&change, 1});
    plain += weight * std::exp2(-static_cast<double>(now - ts) / kWeek);
  }
  RC_ASSERT(std::abs(counted.read(ItemIx{7}, {now}) - plain) <= 1e-5 * (1 + plain));
}

RC_GTEST_PROP(ItemPopularity, SurvivesTheStore, ()) {
  ItemPopularity before, after;
  before.add(draw_changes());
  for (uint32_t ix = 0; ix < 4; ++ix) {
    if (before.read(ItemIx{ix}, {0}) == 0) continue;
    const std::string bytes = before.encode({ix});
    RC_ASSERT(after.decode({ix}, bytes).has_value());
    RC_ASSERT(after.encode({ix}) == bytes);
    RC_ASSERT(!after.decode({ix}, bytes.substr(0, bytes.size() - 1)).has_value());
  }
}

TEST(ItemPopularity, OnlyLikesCount) {
  EXPECT_EQ(ItemPopularity::change({1}, -1, {5}, {}).amount, 0);
  EXPECT_EQ(ItemPopularity::change({}, 1, {5}, {}).amount, 0);
  EXPECT_GT(ItemPopularity::change({1}, 1, {5}, {}).amount, 0);
}

TEST(ItemPopularity, AClockThatRunsAheadCountsAsReceived) {
  const auto ahead = ItemPopularity::change({1}, 1, {900 * kWeek}, {3 * kWeek});
  EXPECT_EQ(ahead.level, 3);
}

TEST(ItemPopularity, HalvesEachHalfLife) {
  ItemPopularity counted;
  const auto change = ItemPopularity::change({0}, 4, {10 * kWeek}, {});
  counted.add({&change, 1});
  EXPECT_DOUBLE_EQ(counted.read(ItemIx{0}, {10 * kWeek}), 4);
  EXPECT_DOUBLE_EQ(counted.read(ItemIx{0}, {12 * kWeek}), 1);
  EXPECT_EQ(counted.read(ItemIx{5}, {0}), 0);
}

// Logged while the server's clock was years ahead: it must not outweigh everything for years.
TEST(ItemPopularity, WhatWasLoggedInTheFutureWeighsAsOfNow) {
  ItemPopularity counted;
  const auto ahead = ItemPopularity::change({0}, 1, {900 * kWeek}, {900 * kWeek});
  counted.add({&ahead, 1});
  EXPECT_DOUBLE_EQ(counted.read(ItemIx{0}, {10 * kWeek}), 1);
  EXPECT_DOUBLE_EQ(counted.read(ItemIx{0}, {901 * kWeek}), 0.5);
}

}  // namespace
}  // namespace palate
