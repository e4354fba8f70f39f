#include "simulate/load/arrivals.h"

#include <cmath>

namespace palate {

Arrivals::Arrivals(Kind kind, double per_second, uint64_t seed)
    : kind_(kind), interval_ns_(1e9 / per_second), random_(seed) {}

void Arrivals::advance() {
  ++count_;
  if (kind_ == Kind::kConstant) {
    next_ns_ = static_cast<double>(count_) * interval_ns_;  // sums would drift
  } else {
    next_ns_ -= std::log1p(-random_.uniform()) * interval_ns_;
  }
}

}  // namespace palate
