// Softmax over the items of a batch instead of all: each row's own item against those that others
// brought along and some drawn at random, with the correction for how often an item comes along.
#pragma once

#include <cstdint>
#include <span>

#include <ATen/ATen.h>

namespace palate {

struct SampledColumns {
  // [columns]: log of the chance that an item comes along without the row whose own it is, by other
  // rows or at random.
  at::Tensor log_q;
  std::span<const int64_t> targets;  // by row: the column of its own item
  // Columns that are no negatives of a row, since its user has them, too; one list a row, of
  // (row, column), with targets left out.
  std::span<const std::pair<uint32_t, uint32_t>> not_negative;
  double temperature = 1;
};

// Sum over rows of −log softmax((⟨u, v⟩ / temperature) − log q) at its target (Yi et al. 2019,
// equations 3 to 5; Bengio and Senécal 2008). users [rows × width], items [columns × width].
at::Tensor sampled_softmax_loss(const at::Tensor& users, const at::Tensor& items,
                                const SampledColumns& columns);

// Log of the chance that an item comes along which is the target of a share `frequency` of all
// examples, with `rows` examples drawn and `uniform` items at random out of `items`.
double log_inclusion(double frequency, double rows, double uniform, double items);

}  // namespace palate
