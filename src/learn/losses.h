// What the outputs of a network are held against: losses of probabilities, of quantities and of
// levels, and a penalty on what groups are promised differently.
#pragma once

#include <cstdint>
#include <span>

#include <ATen/ATen.h>

namespace palate {

// What an output is held against: the label of its name.
enum class Loss : uint8_t {
  // Cross-entropy of a sigmoid, linear in the label. One outside of [0, 1] is a corrected click
  // (dataset/exposure_bias.h): the loss is then not bounded from below where rows are learnt by
  // heart, so stop early.
  kBinary,
  kSquared,  // (value − label)², the label scaled
  kHuber,    // as far as `huber` like half of that, then linear (Huber 1964)
  kOrdinal,  // levels 1, 2, …: the sum of cross-entropies of passing each (CORAL, Cao et al. 2020,
             // section 3.3)
};

struct Task {
  Loss loss = Loss::kBinary;
  double weight = 1;
  double positive_weight = 1;  // kBinary: what an example that happened counts, the others 1
  double huber = 1;            // kHuber: in standard deviations of the label
};

// How a quantity is made ready: (label − mean) / deviation is what the network says.
struct LabelScale {
  double mean = 0, deviation = 1;
};

// Rows of one output: [rows] each.
struct LabelledValues {
  at::Tensor value;  // before link and calibration
  at::Tensor label;  // NaN: not known, and left out
  at::Tensor weight;
  at::Tensor thresholds = {};  // kOrdinal: [levels − 1]
};
// The sum over rows, by weight: a scalar with a gradient.
at::Tensor loss_of(const Task& task, const LabelledValues& rows, const LabelScale& scale);

// Σ_g (n_g / n) (mean_g − mean)² of what is promised on average, over the groups g of the rows that
// have one (0: none): zero where all groups are promised as much (demographic parity as a
// regularizer, after Kamishima et al. 2012). probability: [rows]. A scalar with a gradient.
at::Tensor gap_penalty(const at::Tensor& probability, std::span<const uint32_t> group);
// The largest difference of two groups' means; 0 with fewer than two.
double largest_gap(std::span<const double> probability, std::span<const uint32_t> group);

}  // namespace palate
