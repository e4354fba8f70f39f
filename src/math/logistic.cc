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

double softplus(double z) { return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z)); }

// Weights, then the shift.
double loss_at(const Rows& rows, std::span<const uint8_t> happened, const Eigen::VectorXd& at) {
  const Eigen::Index columns = rows.cols();
  double loss = 0;
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    const double z = rows.row(i).dot(at.head(columns)) + at[columns];
    loss += softplus(z) - (happened[static_cast<size_t>(i)] != 0 ? z : 0);
  }
  return loss / static_cast<double>(rows.rows()) + kRidge / 2 * at.squaredNorm();
}

Eigen::VectorXd newton_step(const Rows& rows, std::span<const uint8_t> happened,
                            const Eigen::VectorXd& at) {
  const Eigen::Index columns = rows.cols(), size = columns + 1;
  Eigen::VectorXd gradient = Eigen::VectorXd::Zero(size), x(size);
  Eigen::MatrixXd hessian = Eigen::MatrixXd::Zero(size, size);
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    x << rows.row(i).transpose(), 1.0;
    const double p = 1 / (1 + std::exp(-x.dot(at)));
    gradient += (p - (happened[static_cast<size_t>(i)] != 0 ? 1 : 0)) * x;
    hessian += p * (1 - p) * x * x.transpose();
  }
  const auto count = static_cast<double>(rows.rows());
  gradient = gradient / count + kRidge * at;
  hessian = hessian / count + kRidge * Eigen::MatrixXd::Identity(size, size);
  return -hessian.ldlt().solve(gradient);
}

}  // namespace

double Logistic::value(std::span<const double> row) const {
  double sum = shift;
  for (size_t c = 0; c < weights.size(); ++c) sum += weights[c] * row[c];
  return sum;
}

Logistic fit_logistic(std::span<const double> rows, std::span<const uint8_t> happened,
                      size_t columns) {
  PALATE_CHECK(columns > 0 && rows.size() == happened.size() * columns, "rows of another width");
  const auto positive = std::ranges::count_if(happened, [](uint8_t one) { return one != 0; });
  Eigen::VectorXd at = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(columns) + 1);
  const Rows table(rows.data(), static_cast<Eigen::Index>(happened.size()),
                   static_cast<Eigen::Index>(columns));
  const bool both = positive > 0 && static_cast<size_t>(positive) < happened.size();
  double loss = both ? loss_at(table, happened, at) : 0;
  for (int iteration = 0; both && iteration < kIterationsMax; ++iteration) {
    const Eigen::VectorXd step = newton_step(table, happened, at);
    double length = 1, next = 0;
    do {
      next = loss_at(table, happened, at + length * step);
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
