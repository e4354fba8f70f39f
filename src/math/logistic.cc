#include "math/logistic.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include "base/check.h"

namespace palate {
namespace {

constexpr int kIterationsMax = 100;
constexpr double kRidge = 1e-9, kGain = 1e-12, kLengthMin = 1e-10;

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Map<const RowMajor>;

// Rows with what they are fitted to; weights add up to 1.
struct Fit {
  Rows rows;
  Eigen::VectorXd targets, weights;
};

double softplus(double z) { return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z)); }

// `at`: weights, then the shift.
double loss_at(const Fit& fit, const Eigen::VectorXd& at) {
  const Eigen::Index columns = fit.rows.cols();
  double loss = 0;
  for (Eigen::Index i = 0; i < fit.rows.rows(); ++i) {
    const double z = fit.rows.row(i).dot(at.head(columns)) + at[columns];
    loss += fit.weights[i] * (softplus(z) - fit.targets[i] * z);
  }
  return loss + kRidge / 2 * at.squaredNorm();
}

Eigen::VectorXd newton_step(const Fit& fit, const Eigen::VectorXd& at) {
  const Eigen::Index columns = fit.rows.cols(), size = columns + 1;
  Eigen::VectorXd gradient = kRidge * at, x(size);
  Eigen::MatrixXd hessian = kRidge * Eigen::MatrixXd::Identity(size, size);
  for (Eigen::Index i = 0; i < fit.rows.rows(); ++i) {
    x << fit.rows.row(i).transpose(), 1.0;
    const double p = 1 / (1 + std::exp(-x.dot(at)));
    gradient += fit.weights[i] * (p - fit.targets[i]) * x;
    hessian += fit.weights[i] * p * (1 - p) * x * x.transpose();
  }
  return -hessian.ldlt().solve(gradient);
}

Fit fit_of(std::span<const double> rows, const LogisticTargets& targets, size_t columns) {
  const auto count = static_cast<Eigen::Index>(targets.values.size());
  using Floats = Eigen::Map<const Eigen::VectorXf>;
  Fit fit{Rows(rows.data(), count, static_cast<Eigen::Index>(columns)),
          Floats(targets.values.data(), count).cast<double>(), Eigen::VectorXd::Ones(count)};
  if (!targets.weights.empty()) fit.weights = Floats(targets.weights.data(), count).cast<double>();
  const double sum = fit.weights.sum();
  if (sum > 0) fit.weights /= sum;
  return fit;
}

}  // namespace

double log_odds(double probability) {
  constexpr double kEdge = 1e-7;
  const double inside = std::min(std::max(probability, kEdge), 1 - kEdge);
  return std::log(inside / (1 - inside));
}

double Logistic::value(std::span<const double> row) const {
  double sum = shift;
  for (size_t c = 0; c < weights.size(); ++c) sum += weights[c] * row[c];
  return sum;
}

Logistic fit_logistic(std::span<const double> rows, const LogisticTargets& targets,
                      size_t columns) {
  PALATE_CHECK(columns > 0 && rows.size() == targets.values.size() * columns &&
                   (targets.weights.empty() || targets.weights.size() == targets.values.size()),
               "rows of another width");
  const Fit fit = fit_of(rows, targets, columns);
  Eigen::VectorXd at = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(columns) + 1);
  const double mean = fit.weights.dot(fit.targets);
  const bool both = mean > 0 && mean < 1;
  double loss = both ? loss_at(fit, at) : 0;
  for (int iteration = 0; both && iteration < kIterationsMax; ++iteration) {
    const Eigen::VectorXd step = newton_step(fit, at);
    double length = 1, next = 0;
    do {
      next = loss_at(fit, at + length * step);
      length /= 2;
    } while (!(next <= loss) && length > kLengthMin);
    if (!(next <= loss)) break;
    at += 2 * length * step;
    if (loss - next < kGain) break;
    loss = next;
  }
  return {.weights = {at.data(), at.data() + columns},
          .shift = at[static_cast<Eigen::Index>(columns)]};
}

}  // namespace palate
