// How much an attack gains and what a defence costs, by the truth of a world: the same people are
// played in a closed loop, where half of each page is drawn from what a ranking of all items (by
// popularity or trend) has at its top, with and without attackers, with and without the defence.
// For tests and reports.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "simulate/world.h"

namespace palate {

// What ranks items out of what happens: the thing under test, made anew for each world that is
// played.
struct ItemRanking {
  // What happened since the last call, ascending by time. Once an hour of the world.
  std::function<Status(std::span<const Happening>)> observe;
  // A score for every item at that time, at least 0; by these the top of the list is drawn.
  std::function<Result<std::vector<double>>(TimeUs)> scores;
  // How far each user is trusted, 0 to 1. Empty: everybody.
  std::function<Result<std::vector<double>>()> trust = {};
};
using MakeRanking = std::function<Result<ItemRanking>(const World&)>;

struct DefenceOptions {
  size_t top = 20;           // of the ranking, from which the pages are filled
  double distrusted = 0.5;   // an account with less trust counts as caught
  size_t trending_top = 10;  // a hit trends once it is among so many
  std::stop_token stop = {};
};

// One world played with one ranking.
struct Exposure {
  double target_share = 0;   // of what honest users were shown while the attack lasted
  double attack_share = 0;   // of the events of that time, by attackers
  double precision = 1;      // of the accounts caught, are attackers
  double recall = 0;         // of attackers who have done anything, are caught
  double honest_caught = 0;  // of honest users who have done anything, are caught
  // For each hit, hours from its break-out until it is among the trending; -1: never.
  std::vector<double> hours_to_trend;
};
Result<Exposure> measure_exposure(const World& world, const MakeRanking& ranking,
                                  const DefenceOptions& options = {});

struct Defence {
  Exposure peace, peace_defended;    // without attackers
  Exposure attack, attack_defended;  // with them
  // What the attack gains the target with the defence, as a share of what it gains without.
  [[nodiscard]] double gain_left() const;
};
// `config` has attackers; the worlds without them are the same but for these.
Result<Defence> measure_defence(const SimulateConfig& config, const MakeRanking& open,
                                const MakeRanking& defended, const DefenceOptions& options = {});

// Likes (what is watched, clicked, liked, rated well) that fade with the half-life, each counted as
// `weight` says; nullptr: 1.
MakeRanking count_likes(double half_life_s,
                        std::function<double(const World&, const Happening&)> weight = {});

}  // namespace palate
