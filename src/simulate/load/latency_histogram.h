// Latencies in a fixed amount of memory, with quantiles true to 0.4 %: for every power of two 256
// buckets of equal width (the layout of HdrHistogram, which Debian has not for C++). Not for values
// that need to be exact. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

namespace palate {

class LatencyHistogram {
 public:
  LatencyHistogram();
  // Negative counts as 0; what is longer than 18 minutes counts as that long.
  void add(int64_t latency_ns);
  // The smallest latency that a share `q` of all do not exceed, in [0, 1], rounded up to its
  // bucket's end; 0 when there are none.
  [[nodiscard]] int64_t quantile_ns(double q) const;
  [[nodiscard]] int64_t max_ns() const { return max_ns_; }
  [[nodiscard]] double mean_ns() const;
  [[nodiscard]] uint64_t count() const { return count_; }

 private:
  std::vector<uint32_t> buckets_;
  uint64_t count_ = 0;
  int64_t max_ns_ = 0;
  double sum_ns_ = 0;
};

}  // namespace palate
