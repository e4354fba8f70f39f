// Ids by a rule, "u00001..u05000" or "1..53424": what comes before the number is the same in both
// ends, and the number has as many digits as the first end writes zeros for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "math/philox.h"

namespace palate {

class NameRange {
 public:
  static Result<NameRange> parse(std::string_view text);
  [[nodiscard]] uint32_t size() const { return count_; }
  // Appends the name at `at` < size().
  void append(std::string& out, uint32_t at) const;

 private:
  std::string prefix_;
  uint64_t first_ = 0;
  uint32_t count_ = 0;
  size_t digits_ = 0;  // at least
};

// Draws 0..n-1: the k-th with a probability in proportion to (k+1)^-exponent; 0 is uniform.
class ZipfDraw {
 public:
  ZipfDraw(uint32_t n, double exponent);
  uint32_t operator()(Philox& random) const;

 private:
  uint32_t n_;
  std::vector<double> below_;  // cumulative probabilities; empty: uniform
};

}  // namespace palate
