// How sure a mean over users is: the percentile bootstrap (Efron and Tibshirani, "An Introduction
// to the Bootstrap", 1993, chapter 13), resampling users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"

namespace palate {

struct Interval {
  double mean = 0;
  double low = 0;
  double high = 0;
};

struct BootstrapOptions {
  double level = 0.95;
  size_t resamples = 1000;
  uint64_t seed = 1;
};

// Mean of `values` with its interval. The same for every number of threads: each resample draws
// from a stream of its own. Without values all is zero.
Interval bootstrap_mean(std::span<const double> values, ThreadPool& pool,
                        const BootstrapOptions& options = {});

}  // namespace palate
