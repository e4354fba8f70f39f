#include "learn/losses.h"

#include <algorithm>
#include <map>

namespace palate {
namespace {

// [rows × thresholds], whether a level above each is the label.
at::Tensor passes(const at::Tensor& label, int64_t thresholds) {
  return label.unsqueeze(1).gt(at::arange(1, thresholds + 1)).to(at::kFloat);
}

at::Tensor each_loss(const Task& task, const LabelledValues& rows, const at::Tensor& label,
                     const LabelScale& scale) {
  switch (task.loss) {
    case Loss::kBinary:
      return at::binary_cross_entropy_with_logits(
          rows.value, label, {}, at::full({1}, task.positive_weight), at::Reduction::None);
    case Loss::kOrdinal: {
      const at::Tensor logits = rows.value.unsqueeze(1) + rows.thresholds;
      const at::Tensor target = passes(label, rows.thresholds.size(0));
      return at::binary_cross_entropy_with_logits(logits, target, {}, {}, at::Reduction::None)
          .sum(1);
    }
    case Loss::kSquared:
      return (rows.value - (label - scale.mean) / scale.deviation).square();
    case Loss::kHuber:
      return at::huber_loss(rows.value, (label - scale.mean) / scale.deviation, at::Reduction::None,
                            task.huber);
  }
  return {};
}

struct GroupSum {
  double sum = 0, count = 0;
};

}  // namespace

at::Tensor loss_of(const Task& task, const LabelledValues& rows, const LabelScale& scale) {
  const at::Tensor known = at::isfinite(rows.label);
  const at::Tensor label = at::where(known, rows.label, at::zeros_like(rows.label));
  return (each_loss(task, rows, label, scale) * (rows.weight * known)).sum();
}

at::Tensor gap_penalty(const at::Tensor& probability, std::span<const uint32_t> group) {
  std::map<uint32_t, int64_t> index;
  std::vector<int64_t> row, which;
  for (size_t i = 0; i < group.size(); ++i) {
    if (group[i] == 0) continue;
    row.push_back(static_cast<int64_t>(i));
    which.push_back(index.emplace(group[i], static_cast<int64_t>(index.size())).first->second);
  }
  if (index.size() < 2) return probability.sum() * 0;
  const at::Tensor mine = probability.index_select(0, at::tensor(row));
  const at::Tensor place = at::tensor(which);
  const auto groups = static_cast<int64_t>(index.size());
  const at::Tensor counts = at::zeros({groups}).index_add(0, place, at::ones_like(mine).detach());
  const at::Tensor means = at::zeros({groups}).index_add(0, place, mine) / counts;
  return ((means - mine.mean()).square() * counts).sum() / static_cast<double>(row.size());
}

double largest_gap(std::span<const double> probability, std::span<const uint32_t> group) {
  std::map<uint32_t, GroupSum> groups;
  for (size_t i = 0; i < group.size(); ++i) {
    if (group[i] == 0) continue;
    groups[group[i]].sum += probability[i];
    ++groups[group[i]].count;
  }
  if (groups.size() < 2) return 0;
  double least = 1e300, most = -1e300;
  for (const auto& [id, of] : groups) {
    least = std::min(least, of.sum / of.count);
    most = std::max(most, of.sum / of.count);
  }
  return most - least;
}

}  // namespace palate
