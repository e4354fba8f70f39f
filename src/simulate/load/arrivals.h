// When requests are to be sent, whatever the server does: the arrivals of an open loop.
#pragma once

#include <cstdint>

#include "math/philox.h"

namespace palate {

class Arrivals {
 public:
  enum class Kind { kConstant, kPoisson };
  // `per_second` > 0. One seed gives one schedule.
  Arrivals(Kind kind, double per_second, uint64_t seed);
  // The next request's time, in ns since the start of the schedule; ascending, the first at 0.
  [[nodiscard]] int64_t next_ns() const { return static_cast<int64_t>(next_ns_); }
  void advance();

 private:
  Kind kind_;
  double interval_ns_;
  double next_ns_ = 0;
  uint64_t count_ = 0;
  Philox random_;
};

}  // namespace palate
