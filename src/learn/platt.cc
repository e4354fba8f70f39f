#include "learn/platt.h"

#include <algorithm>
#include <cmath>

namespace palate {
namespace {

constexpr int kIterationsMax = 100;
constexpr double kRidge = 1e-12;  // keeps the Hessian invertible

double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

double loss_at(std::span<const double> value, std::span<const uint8_t> happened, Platt at,
               const double target[2]) {
  double loss = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    const double z = at.slope * value[i] + at.shift;
    loss += softplus(z) - target[happened[i] != 0 ? 1 : 0] * z;
  }
  return loss;
}

}  // namespace

Platt fit_platt(std::span<const double> value, std::span<const uint8_t> happened) {
  const auto positive =
      static_cast<double>(std::ranges::count_if(happened, [](uint8_t one) { return one != 0; }));
  const double negative = static_cast<double>(happened.size()) - positive;
  Platt at;
  if (positive == 0 || negative == 0) return at;
  const double target[2] = {1 / (negative + 2), (positive + 1) / (positive + 2)};
  double loss = loss_at(value, happened, at, target);
  for (int iteration = 0; iteration < kIterationsMax; ++iteration) {
    double g1 = 0, g2 = 0, h11 = kRidge, h12 = 0, h22 = kRidge;
    for (size_t i = 0; i < value.size(); ++i) {
      const double p = 1 / (1 + std::exp(-(at.slope * value[i] + at.shift)));
      const double d = p - target[happened[i] != 0 ? 1 : 0], w = p * (1 - p);
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
      next_loss = loss_at(value, happened, next, target);
      length /= 2;
    } while (!(next_loss <= loss) && length > 1e-10);
    if (!(next_loss <= loss)) break;
    const bool done = loss - next_loss < 1e-9 * std::max(1.0, loss);
    at = next;
    loss = next_loss;
    if (done) break;
  }
  return at;
}

}  // namespace palate
