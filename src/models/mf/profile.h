// What somebody rated says something before any rating is read (the idea of SVD++: Koren,
// "Factorization meets the neighborhood", KDD 2008): a profile of each row out of the pattern of
// who rated what, from the leading singular vectors of the matrix N of 1/sqrt(n_u n_i). Profiles
// move the mean of the prior (Simm et al., "Macau: scalable Bayesian factorization with
// high-dimensional side information using MCMC", 2017).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace palate {

// Numbers of a profile: `size` - 1 projections and the logarithm of the count, each less its mean
// and divided by its deviation over the rows that it was fitted on.
struct MfProfiles {
  size_t size = 0;                     // 0: there are none
  std::vector<float> vectors;          // items × (size - 1): singular vectors over sqrt(n_i)
  std::vector<float> mean, deviation;  // size

  // The profile of who has rated these items into `out` (size).
  void of_user(std::span<const uint32_t> items, std::span<double> out) const;
};

}  // namespace palate
