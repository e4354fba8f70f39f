// When people come: hours of the day in their region, weekends, and how often by the age of their
// account.
#pragma once

#include <cstdint>
#include <vector>

#include "simulate/truth/people.h"

namespace palate {

class Calendar {
 public:
  Calendar(const SimulateConfig& config, int64_t start_us);
  // The planned starts of a user's visits on a day, ascending, in microseconds after the world's
  // start. Nobody comes before `joined_us`.
  [[nodiscard]] std::vector<int64_t> visits(uint32_t user, const UserNature& nature, int64_t day,
                                            int64_t joined_us) const;
  [[nodiscard]] bool weekend(int64_t day) const;
  // Of the user on this day.
  [[nodiscard]] double visits_expected(const UserNature& nature, int64_t day,
                                       int64_t joined_us) const;

 private:
  const SimulateConfig& config_;
  int64_t start_us_;
};

}  // namespace palate
