// One pass through a world, day by day: who signs up, everybody's steps (by user, in parallel,
// where the world's own policy answers; in order of time where a recommender does), and what
// happened in order of time. Both orders give the same world to the bit.
#pragma once

#include <cstdint>
#include <vector>

#include "simulate/truth/census.h"
#include "simulate/truth/visit.h"
#include "simulate/world.h"

namespace palate {

class Run {
 public:
  Run(const Nature& nature, const World::Play& play);
  // Valid until the next call. Errors: kCancelled.
  Result<World::Day> next_day();

 private:
  void sign_up();
  void join(uint32_t user, int64_t at_us);
  Status play_by_user();
  Status play_by_time();
  Status sort_day();
  void count() const;
  [[nodiscard]] const WorldShelf& shelf_at(int64_t us) const;
  void answer(const UserDay& who, std::vector<uint32_t>& slate) const;

  const Nature& nature_;
  const World::Play& play_;
  ThreadPool alone_{1};
  ThreadPool& pool_;
  int64_t day_ = -1;
  std::vector<PersonState> states_;
  std::vector<WorldShelf> shelves_;  // of the day, a quarter each
  double pressure_ = 0;              // share of the newcomers who have signed up
  size_t newcomers_ = 0;             // who have signed up
  std::vector<uint32_t> signed_up_;  // on this day
  std::vector<Happening> played_;    // by user, with what is left of the day before in front
  std::vector<Happening> sorted_;    // of this day, by time
};

}  // namespace palate
