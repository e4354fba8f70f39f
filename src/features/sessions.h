// What follows from a history alone, read as of a moment: its events in order of time, sessions,
// and how taste is spread. Nothing of it is stored. Order of arrival does not matter: events are
// ordered by time, and where that is equal by what they are about.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/time.h"
#include "features/catalogue.h"
#include "features/history.h"

namespace palate {

inline constexpr int64_t kSessionGapUs = 30 * 60 * kSecondUs;  // a longer pause ends a session

// What was known at `now`, by time.
std::vector<HistoryEntry> by_time(std::span<const HistoryEntry> history, TimeUs now);

struct Sessions {
  size_t count = 0;       // sessions in the history
  size_t events = 0;      // of the newest one, 0 when it is over at `now`
  int64_t length_us = 0;  // from its first event to its last
  double dwell_s = 0;     // the sum of its events' values: seconds watched, where types say so
};
// `events` as by_time() gives them.
Sessions cut_sessions(std::span<const HistoryEntry> events, TimeUs now);

// Weights by category or creator; of likes, each halved per `half_life_us` before `now`.
class Tastes {
 public:
  void set(std::span<const HistoryEntry> events, const Catalogue::View& items, TimeUs now);
  // The share of what the user likes that lies in the item's categories (the largest of them), or
  // with its creator; 0 to 1.
  [[nodiscard]] float categories(const ItemTraits& traits) const;
  [[nodiscard]] float creator(const ItemTraits& traits) const;
  [[nodiscard]] double entropy_bits() const;  // of categories
  static constexpr int64_t kHalfLifeUs = 30 * kDayUs;

 private:
  struct Weights {
    std::vector<double> of;  // by number; zeros but where `used`
    std::vector<uint32_t> used;
    double sum = 0;
    void add(uint32_t number, double weight);
    void clear();
  };
  Weights categories_, creators_;
};

// How far the newest likes lie from those before: 1 − cosine of their categories' weights; 0 while
// there are too few.
double taste_jump(std::span<const HistoryEntry> events, const Catalogue::View& items);

}  // namespace palate
