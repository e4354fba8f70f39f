// PCGrad (Yu et al. 2020, algorithm 1): where the gradients of two objectives point against each
// other, each loses the part that does. All that it computes are sums of the given gradients, so it
// needs no more than their inner products.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace palate {

// What each objective's gradient counts in the step. inner: [tasks × tasks], of the gradients. The
// order in which others are looked at is drawn from the seed. 1 each where nothing conflicts.
std::vector<double> pcgrad_weights(std::span<const double> inner, size_t tasks, uint64_t seed);

}  // namespace palate
