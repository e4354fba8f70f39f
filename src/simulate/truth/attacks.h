// Who means ill: accounts beside the people, the item they push and the item they pull down.
//   farm     many visits a day at even distances; pushes, among a few clicks on what is popular
//   bomber   rates the victim and other items of its creator 1, the target 5
//   sleeper  lives like people for as long as the world has run, then pushes after each visit
//   flood    signs up in one of three hours, pushes twice and is never seen again
// They send events without slates, as somebody does who writes to the API directly.
#pragma once

#include <cstdint>
#include <vector>

#include "simulate/happening.h"
#include "simulate/truth/catalogue.h"
#include "simulate/truth/people.h"
#include "simulate/truth/shelf.h"

namespace palate {

class Attacks {
 public:
  Attacks(const SimulateConfig& config, const ItemCatalogue& items);

  // Of the accounts, in the order of their numbers after the people.
  [[nodiscard]] std::vector<Malice> accounts() const;
  [[nodiscard]] uint32_t target() const { return target_; }  // pushed
  [[nodiscard]] uint32_t victim() const { return victim_; }  // rated down
  [[nodiscard]] int64_t from_us() const { return from_us_; }
  [[nodiscard]] int64_t to_us() const { return to_us_; }
  // When the account signs up, in microseconds after the world's start.
  [[nodiscard]] int64_t joins_us(uint32_t user, Malice malice) const;
  // Starts of the account's visits on a day, ascending; not of sleepers, who come like people.
  [[nodiscard]] std::vector<int64_t> visits(uint32_t user, Malice malice, int64_t day) const;
  // What the account does in one such visit, or after one that looked like people's.
  struct Visit {
    uint32_t user = 0, visit = 0;
    Malice malice = Malice::kFarm;
    int64_t at_us = 0;
  };
  void push(const Visit& visit, const WorldShelf& shelf, std::vector<Happening>& out) const;
  [[nodiscard]] bool active(int64_t at_us) const { return at_us >= from_us_ && at_us < to_us_; }

 private:
  const SimulateConfig& config_;
  const ItemCatalogue& items_;
  uint32_t target_ = 0, victim_ = 0;
  int64_t from_us_, to_us_;
};

}  // namespace palate
