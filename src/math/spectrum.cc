#include "math/spectrum.h"

#include <Eigen/Eigenvalues>

namespace palate {

Spectrum spectrum(const float* a, size_t size, size_t dim) {
  const auto n = static_cast<Eigen::Index>(size);
  Eigen::MatrixXd matrix(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = i; j < n; ++j) {
      // The solver reads the lower triangle.
      matrix(j, i) = a[static_cast<size_t>(i) * dim + static_cast<size_t>(j)];
    }
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix);
  Spectrum out{std::vector<float>(dim, 0.0F), std::vector<float>(dim * dim, 0.0F)};
  for (Eigen::Index j = 0; j < n; ++j) {
    const auto column = static_cast<size_t>(j);
    out.values[column] = static_cast<float>(solver.eigenvalues()(j));
    for (Eigen::Index i = 0; i < n; ++i) {
      out.vectors[static_cast<size_t>(i) * dim + column] =
          static_cast<float>(solver.eigenvectors()(i, j));
    }
  }
  return out;
}

}  // namespace palate
