// One user's day, step by step: he arrives (perhaps for an item that he knows or has heard of),
// gets a page, clicks, watches, likes, rates, asks for another page or goes, and may leave for
// good. Somebody else says what is on the pages, so that the same code plays the world's own policy
// and a recommender under test.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "simulate/happening.h"
#include "simulate/truth/attacks.h"
#include "simulate/truth/calendar.h"
#include "simulate/truth/laws.h"

namespace palate {

// All that does not change while the world runs. Does not move: its parts refer to each other.
struct Nature {
  Nature(const SimulateConfig& config_, TimeUs start_);
  Nature(const Nature&) = delete;
  Nature& operator=(const Nature&) = delete;
  SimulateConfig config;
  TimeUs start;
  ItemCatalogue items;
  Attacks attacks;
  People people;
  Laws laws;
  Calendar calendar;
};

class UserDay {
 public:
  // `state` outlives this and is nobody else's while this runs.
  UserDay(const Nature& nature, uint32_t user, PersonState& state, int64_t day);

  // When the next step is due, in microseconds after the world's start; kNotYet: the day is over.
  [[nodiscard]] int64_t next_us() const { return next_us_; }
  [[nodiscard]] uint32_t user() const { return user_; }
  // Whether the next step takes a page of items.
  [[nodiscard]] bool wants_page() const { return phase_ == Phase::kPage; }
  [[nodiscard]] bool randomized() const { return randomized_; }
  [[nodiscard]] uint32_t visit() const { return state_.visits; }
  [[nodiscard]] uint8_t page() const { return page_; }
  [[nodiscard]] SlateFor slate_for() const;

  // Makes the step; what happens is appended, ascending by time from next_us() on.
  void step(std::span<const uint32_t> slate, const WorldShelf& shelf, std::vector<Happening>& out);

 private:
  enum class Phase { kArrive, kPage, kOver };
  void begin_visit();
  void arrive(std::vector<Happening>& out);
  void show(std::span<const uint32_t> slate, std::vector<Happening>& out);
  void watch(Happening happening, std::vector<Happening>& out);
  void leave(const WorldShelf& shelf, std::vector<Happening>& out);
  [[nodiscard]] uint32_t direct_item();

  const Nature& nature_;
  uint32_t user_;
  PersonState& state_;
  int64_t end_us_;
  std::vector<int64_t> starts_;
  size_t at_ = 0;  // of starts_
  Phase phase_ = Phase::kOver;
  int64_t next_us_ = kNotYet;
  // Of the visit under way.
  Philox random_{0};
  PersonTastes tastes_{};
  Viewer viewer_;
  bool randomized_ = false;
  uint8_t page_ = 0, device_ = 0;
  int64_t clock_us_ = 0;
  double joy_ = 0;  // probability-like: that something was good
};

}  // namespace palate
