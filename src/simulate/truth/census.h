// How the people of a world fare: truth, for tests and reports.
#pragma once

#include <cstdint>

namespace palate {

// At the end of a day; attackers do not count.
struct Census {
  int64_t day = 0;
  uint64_t joined = 0;  // have ever signed up
  uint64_t left = 0;    // of them, for good
  double served = 0;    // mean of those who are there: how well, 0 to 1
};

}  // namespace palate
