// Whole worlds in memory, for tests.
#pragma once

#include <vector>

#include <gtest/gtest.h>

#include "simulate/truth/truth.h"
#include "simulate/world.h"

namespace palate {

struct Played {
  std::vector<Happening> happenings;
  std::vector<uint32_t> signed_up;
  std::vector<Census> census;
};

inline Played play_all(const World& world, World::Play play = {}) {
  Played out;
  play.census = [&](const Census& census) { out.census.push_back(census); };
  const Status status = world.play(play, [&](const World::Day& day) -> Status {
    out.happenings.insert(out.happenings.end(), day.happenings.begin(), day.happenings.end());
    out.signed_up.insert(out.signed_up.end(), day.signed_up.begin(), day.signed_up.end());
    return {};
  });
  EXPECT_TRUE(status) << (status ? "" : status.error().message);
  return out;
}

inline World make_world(const SimulateConfig& config) {
  auto world = World::make(config);
  EXPECT_TRUE(world) << (world ? "" : world.error().message);
  return *std::move(world);
}

inline bool same(const Happening& a, const Happening& b) {
  const auto value = [](float x) { return std::isnan(x) ? -1.0F : x; };
  return a.us == b.us && a.user == b.user && a.item == b.item && a.visit == b.visit &&
         value(a.value) == value(b.value) && a.slot == b.slot && a.page == b.page &&
         a.type == b.type && a.device == b.device && a.randomized == b.randomized;
}

inline bool same(const std::vector<Happening>& a, const std::vector<Happening>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Happening& x, const Happening& y) { return same(x, y); });
}

}  // namespace palate
