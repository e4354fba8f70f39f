#include "learn/sampled_softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace palate {

at::Tensor sampled_softmax_loss(const at::Tensor& users, const at::Tensor& items,
                                const SampledColumns& columns) {
  const int64_t rows = users.size(0), width = items.size(0);
  at::Tensor shift = (-columns.log_q).unsqueeze(0).repeat({rows, 1});
  auto* shifts = shift.mutable_data_ptr<float>();
  for (const auto& [row, column] : columns.not_negative) {
    shifts[static_cast<int64_t>(row) * width + column] = -std::numeric_limits<float>::infinity();
  }
  const at::Tensor logits = at::mm(users, items.t()) / columns.temperature + shift;
  const at::Tensor targets =
      at::from_blob(const_cast<int64_t*>(columns.targets.data()), {rows}, at::kLong);
  const at::Tensor own = logits.gather(1, targets.unsqueeze(1)).squeeze(1);
  return (at::logsumexp(logits, at::IntArrayRef({1})) - own).sum();
}

double log_inclusion(double frequency, double rows, double uniform, double items) {
  constexpr double kLeast = 1e-12;
  const double left_out = rows * std::log1p(-std::min(frequency, 1 - kLeast)) +
                          uniform * std::log1p(-std::min(1 / items, 1 - kLeast));
  return std::log(std::max(-std::expm1(left_out), kLeast));
}

}  // namespace palate
