#include "learn/platt.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace palate {
namespace {

constexpr int kIterationsMax = 100;
constexpr double kSlopeMax = 1 << 20;
constexpr double kRidge = 1e-12;  // keeps the Hessian invertible

double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

constexpr double kFarthest = 1e4;  // beyond it the loss has no smallest value

struct Rows {
  std::span<const double> value;
  std::vector<double> target, weight;
};

double loss_at(const Rows& rows, Platt at) {
  double loss = 0;
  for (size_t i = 0; i < rows.value.size(); ++i) {
    const double z = at.slope * rows.value[i] + at.shift;
    loss += rows.weight[i] * (softplus(z) - rows.target[i] * z);
  }
  return loss;
}

// 0 and 1 alone are drawn in by what their counts say (Lin, Lin and Weng, section 1).
void draw_in(std::vector<double>& target) {
  const auto ones = static_cast<double>(std::ranges::count(target, 1.0));
  const auto zeros = static_cast<double>(std::ranges::count(target, 0.0));
  if (ones + zeros < static_cast<double>(target.size())) return;
  for (double& each : target) each = each == 1 ? (ones + 1) / (ones + 2) : 1 / (zeros + 2);
}

}  // namespace

Platt fit_platt(std::span<const double> value, std::span<const float> label,
                std::span<const float> weight) {
  Rows rows{.value = value, .target = {label.begin(), label.end()}, .weight = {}};
  rows.weight.assign(weight.begin(), weight.end());
  if (weight.empty()) rows.weight.assign(value.size(), 1);
  double sum = 0, total = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    sum += rows.weight[i] * rows.target[i];
    total += rows.weight[i];
  }
  Platt at;
  if (sum <= 0 || sum >= total) return at;
  draw_in(rows.target);
  double loss = loss_at(rows, at);
  for (int iteration = 0; iteration < kIterationsMax; ++iteration) {
    double g1 = 0, g2 = 0, h11 = kRidge, h12 = 0, h22 = kRidge;
    for (size_t i = 0; i < value.size(); ++i) {
      const double p = 1 / (1 + std::exp(-(at.slope * value[i] + at.shift)));
      const double d = rows.weight[i] * (p - rows.target[i]), w = rows.weight[i] * p * (1 - p);
      g1 += d * value[i];
      g2 += d;
      h11 += w * value[i] * value[i];
      h12 += w * value[i];
      h22 += w;
    }
    const double determinant = h11 * h22 - h12 * h12;
    const double d1 = -(h22 * g1 - h12 * g2) / determinant;
    const double d2 = -(h11 * g2 - h12 * g1) / determinant;
    double length = 1, next_loss = loss;
    Platt next = at;
    do {
      next = {std::max(at.slope + length * d1, 0.0), at.shift + length * d2};
      next_loss = loss_at(rows, next);
      length /= 2;
    } while (!(next_loss <= loss) && length > 1e-10);
    if (!(next_loss <= loss)) break;
    const bool done = loss - next_loss < 1e-9 * std::max(1.0, loss);
    at = next;
    loss = next_loss;
    if (done) break;
  }
  return at.slope + std::abs(at.shift) < kFarthest ? at : Platt{};
}

double fit_temperature(std::span<const double> value, std::span<const uint8_t> happened) {
  const auto positive = std::ranges::count_if(happened, [](uint8_t one) { return one != 0; });
  if (positive == 0 || static_cast<size_t>(positive) == happened.size()) return 1;
  // The slope of the loss rises with the slope: halve where it is between falling and rising.
  const auto rises = [&](double slope) {
    double gradient = 0;
    for (size_t i = 0; i < value.size(); ++i) {
      const double p = 1 / (1 + std::exp(-slope * value[i]));
      gradient += (p - (happened[i] != 0 ? 1.0 : 0.0)) * value[i];
    }
    return gradient > 0;
  };
  double low = 0, high = 1;
  while (!rises(high) && high < kSlopeMax) low = std::exchange(high, 2 * high);
  while (high - low > 1e-9 * high) {
    const double middle = (low + high) / 2;
    (rises(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace palate
