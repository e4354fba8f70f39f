#include "simulate/load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace palate {
namespace {

constexpr int kBucketBits = 8;
constexpr int kLargestBits = 40;  // 2^40 ns are 18 minutes
constexpr uint64_t kSmall = 1u << kBucketBits;
constexpr uint64_t kLargest = (uint64_t{1} << kLargestBits) - 1;
constexpr size_t kBuckets = (kLargestBits - kBucketBits + 1) << kBucketBits;

size_t bucket_of(uint64_t value) {
  if (value < kSmall) return value;
  const int shift = static_cast<int>(std::bit_width(value)) - kBucketBits - 1;
  return (static_cast<size_t>(shift + 1) << kBucketBits) + ((value >> shift) - kSmall);
}

uint64_t last_of(size_t bucket) {
  if (bucket < kSmall) return bucket;
  const int shift = static_cast<int>(bucket >> kBucketBits) - 1;
  const uint64_t first = ((bucket & (kSmall - 1)) + kSmall) << shift;
  return first + (uint64_t{1} << shift) - 1;
}

}  // namespace

LatencyHistogram::LatencyHistogram() : buckets_(kBuckets) {}

void LatencyHistogram::add(int64_t latency_ns) {
  const auto value = std::min(static_cast<uint64_t>(std::max<int64_t>(latency_ns, 0)), kLargest);
  ++buckets_[bucket_of(value)];
  ++count_;
  max_ns_ = std::max(max_ns_, static_cast<int64_t>(value));
  sum_ns_ += static_cast<double>(value);
}

int64_t LatencyHistogram::quantile_ns(double q) const {
  const auto wanted =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::min(static_cast<int64_t>(last_of(i)), max_ns_);
  }
  return max_ns_;
}

double LatencyHistogram::mean_ns() const {
  return count_ == 0 ? 0 : sum_ns_ / static_cast<double>(count_);
}

}  // namespace palate
