// Profiles of users and items: the leading singular vectors of who rated what, by subspace
// iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4).
#include <algorithm>
#include <cmath>

#include "math/philox.h"
#include "models/mf/train_fit.h"

namespace palate {
namespace {

constexpr size_t kRowsEach = 256;
constexpr int kRounds = 12;
constexpr uint64_t kStream = uint64_t{7} << 61;

using Table = std::vector<float>;  // rows × width

// out = D_r^-1/2 B D_c^-1/2 in, B the pattern of `matrix` and D the counts of its rows and columns.
struct Product {
  const MfMatrix& matrix;
  const std::vector<float>& row_scale;
  const std::vector<float>& column_scale;
};
Status multiply(const Product& product, const Table& in, Table& out, const MfFitOptions& options) {
  const MfMatrix& matrix = product.matrix;
  const size_t width = in.size() / matrix.cols;
  out.assign(matrix.rows * width, 0.0F);
  const auto one = [&](size_t row) {
    float* to = out.data() + row * width;
    for (uint64_t i = matrix.start[row]; i < matrix.start[row + 1]; ++i) {
      const float* from = in.data() + matrix.index[i] * width;
      const float scale = product.row_scale[row] * product.column_scale[matrix.index[i]];
      for (size_t d = 0; d < width; ++d) to[d] += scale * from[d];
    }
  };
  const size_t blocks = (matrix.rows + kRowsEach - 1) / kRowsEach;
  return options.pool->for_blocks(
      blocks,
      [&](size_t block, size_t) {
        const size_t end = std::min(matrix.rows, (block + 1) * kRowsEach);
        for (size_t row = block * kRowsEach; row < end; ++row) one(row);
      },
      options.stop);
}

// Columns made orthonormal one after the other (modified Gram-Schmidt, twice); one that lies in the
// space of those before becomes zeros.
void orthonormalize(Table& table, size_t width) {
  constexpr double kTiny = 1e-12;
  const size_t rows = table.size() / width;
  for (size_t c = 0; c < width; ++c) {
    for (int twice = 0; twice < 2; ++twice) {
      for (size_t b = 0; b < c; ++b) {
        double product = 0;
        for (size_t r = 0; r < rows; ++r)
          product += double{table[r * width + b]} * table[r * width + c];
        for (size_t r = 0; r < rows; ++r) {
          table[r * width + c] -= static_cast<float>(product) * table[r * width + b];
        }
      }
    }
    double squares = 0;
    for (size_t r = 0; r < rows; ++r)
      squares += double{table[r * width + c]} * table[r * width + c];
    const double scale = squares > kTiny ? 1 / std::sqrt(squares) : 0;
    for (size_t r = 0; r < rows; ++r) table[r * width + c] *= static_cast<float>(scale);
  }
}

std::vector<float> scales_of(const MfMatrix& matrix) {
  std::vector<float> out(matrix.rows);
  for (size_t row = 0; row < matrix.rows; ++row) {
    const auto count = static_cast<float>(matrix.start[row + 1] - matrix.start[row]);
    out[row] = count > 0 ? 1 / std::sqrt(count) : 0;
  }
  return out;
}

// `vectors` (rows × width) and the logarithm of each row's count, standardized.
struct Standardized {
  Table table;
  std::vector<float> mean, deviation;
};
Standardized standardized(const Table& vectors, const MfMatrix& matrix, size_t width) {
  const size_t size = width + 1;
  Standardized out{Table(matrix.rows * size), std::vector<float>(size), std::vector<float>(size)};
  for (size_t row = 0; row < matrix.rows; ++row) {
    std::copy_n(vectors.data() + row * width, width, out.table.data() + row * size);
    const auto count = static_cast<double>(matrix.start[row + 1] - matrix.start[row]);
    out.table[row * size + width] = static_cast<float>(std::log1p(count));
  }
  const auto n = static_cast<double>(matrix.rows);
  for (size_t d = 0; d < size; ++d) {
    double sum = 0, squares = 0;
    for (size_t row = 0; row < matrix.rows; ++row) sum += out.table[row * size + d];
    for (size_t row = 0; row < matrix.rows; ++row) {
      squares += std::pow(out.table[row * size + d] - sum / n, 2);
    }
    out.mean[d] = static_cast<float>(sum / n);
    out.deviation[d] = static_cast<float>(std::max(std::sqrt(squares / n), 1e-9));
    for (size_t row = 0; row < matrix.rows; ++row) {
      float& at = out.table[row * size + d];
      at = (at - out.mean[d]) / out.deviation[d];
    }
  }
  return out;
}

}  // namespace

Result<MfFittedProfiles> fit_profiles(const MfData& data, const MfFitOptions& options) {
  MfFittedProfiles out;
  const size_t width =
      std::min({static_cast<size_t>(options.config.profile), data.by_user.rows, data.by_item.rows});
  if (width == 0) return out;
  const auto by_user = scales_of(data.by_user), by_item = scales_of(data.by_item);
  const Product forward{data.by_user, by_user, by_item}, back{data.by_item, by_item, by_user};
  Table items(data.by_item.rows * width), users;
  Philox random(options.seed, kStream);
  for (float& value : items) value = static_cast<float>(random.normal());
  for (int round = 0; round < kRounds; ++round) {
    orthonormalize(items, width);
    TRY(multiply(forward, items, users, options));
    TRY(multiply(back, users, items, options));
  }
  orthonormalize(items, width);
  TRY(multiply(forward, items, users, options));
  const Standardized of_users = standardized(users, data.by_user, width);
  out.users = of_users.table;
  out.items = standardized(items, data.by_item, width).table;
  out.profiles = {width + 1, std::move(items), of_users.mean, of_users.deviation};
  for (size_t i = 0; i < out.profiles.vectors.size(); ++i) {
    out.profiles.vectors[i] *= by_item[i / width];
  }
  return out;
}

}  // namespace palate
