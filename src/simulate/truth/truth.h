// What is true in a world: for tests and reports alone. No product code may include anything of
// this folder (tests/style/layers.py).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "simulate/truth/census.h"
#include "simulate/truth/people.h"
#include "simulate/world.h"

namespace palate {

// The world must outlive it. Days are fractions after the world's start. Thread-safe.
class Truth {
 public:
  explicit Truth(const World& world) : world_(world) {}

  // Probability that the item attracts the user, on average over his moods: what a click is when
  // nothing but the item decides.
  [[nodiscard]] double attraction(uint32_t user, uint32_t item, double day) const;
  // Probability-like: how content he is with it once he has watched.
  [[nodiscard]] double satisfaction(uint32_t user, uint32_t item, double day) const;
  // Both in each of his moods; mood k rules a share kMoodShares[k] of his visits.
  struct Felt {
    double attraction = 0, satisfaction = 0;
  };
  [[nodiscard]] std::array<Felt, kMoods> in_moods(uint32_t user, uint32_t item, double day) const;
  // P(click in the slot) = alpha(slot) · attraction + beta(slot); what an item attracts that the
  // user has watched lately is less.
  [[nodiscard]] double examination(int slot) const;
  [[nodiscard]] double alpha(int slot) const;
  [[nodiscard]] double beta(int slot) const;
  // The page that the world's own policy would give.
  [[nodiscard]] std::vector<uint32_t> own_slate(const World::Request& request) const;
  // Under that policy: the probability of each slot's item given those before it.
  [[nodiscard]] std::vector<double> propensities(const World::Request& request,
                                                 std::span<const uint32_t> slate) const;
  [[nodiscard]] const ItemNature& item(uint32_t item) const;
  [[nodiscard]] const UserNature& user(uint32_t user) const;
  [[nodiscard]] PersonTastes tastes(uint32_t user, double day) const;
  [[nodiscard]] Malice malice(uint32_t user) const { return this->user(user).malice; }
  // Items that break out, and how much of a hit one is at a time.
  [[nodiscard]] const std::vector<uint32_t>& hits() const;
  [[nodiscard]] double buzz(uint32_t item, double day) const;
  [[nodiscard]] uint32_t target() const;  // what attackers push
  [[nodiscard]] uint32_t victim() const;  // what they rate down
  [[nodiscard]] double season(uint32_t category, double day) const;

 private:
  const World& world_;
};

}  // namespace palate
