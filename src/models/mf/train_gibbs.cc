// Bayesian matrix factorization by Gibbs sampling (Salakhutdinov and Mnih, ICML 2008), with biases
// inside the vectors and profiles in the mean of the prior (Simm et al. 2017, section 2.2).
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "math/philox.h"
#include "models/mf/train_fit.h"

namespace palate {
namespace {

// Streams of random numbers: a row's are (what, sweep, row).
enum Stream : uint64_t { kUserRows, kItemRows, kUserPrior, kItemPrior, kNoise };

Philox random_of(uint64_t seed, Stream what, int sweep, uint64_t row = 0) {
  return Philox(seed, uint64_t{what} << 61 | static_cast<uint64_t>(sweep) << 36 | row);
}

// Gamma of this shape and rate 1 (Marsaglia and Tsang, "A simple method for generating gamma
// variables", 2000); shape >= 1/2.
double gamma(Philox& random, double shape) {
  if (shape < 1) {
    const double boost = std::pow(random.uniform(), 1 / shape);
    return gamma(random, shape + 1) * boost;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.normal();
    const double v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    const double u = random.uniform();
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

using Square = std::vector<double>;

Square factored(Square matrix, size_t dim) {
  const bool definite = cholesky(matrix.data(), dim);
  PALATE_CHECK(definite, "a covariance is positive definite");
  return matrix;
}

// Wishart of this scale (given by its inverse) and degrees of freedom, by Bartlett's decomposition.
Square wishart(Philox& random, const Square& inverse_scale, size_t dim, double freedom) {
  const Square scale = inverse_of_factored(factored(inverse_scale, dim).data(), dim);
  const Square l = factored(scale, dim);
  Square a(dim * dim, 0.0), b(dim * dim, 0.0), out(dim * dim, 0.0);
  for (size_t i = 0; i < dim; ++i) {
    a[i * dim + i] = std::sqrt(2 * gamma(random, (freedom - static_cast<double>(i)) / 2));
    for (size_t j = 0; j < i; ++j) a[i * dim + j] = random.normal();
  }
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      for (size_t k = j; k <= i; ++k) b[i * dim + j] += l[i * dim + k] * a[k * dim + j];
    }
  }
  for (size_t i = 0; i < dim; ++i) {
    for (size_t j = 0; j < dim; ++j) {
      for (size_t k = 0; k <= std::min(i, j); ++k)
        out[i * dim + j] += b[i * dim + k] * b[j * dim + k];
    }
  }
  return out;
}

// One side's prior, and what it is drawn from.
struct Side {
  std::span<const float> rows;      // count × dim
  std::span<const float> profiles;  // count × size
  size_t dim = 0, size = 0;
  std::vector<double>* weights;  // size × dim
  double* ridge;
  [[nodiscard]] size_t count() const { return rows.size() / dim; }
};
struct Prior {
  Square precision;
  std::vector<double> mean;
};

// Row i less what its profile says of it.
void residual(const Side& side, size_t i, std::vector<double>& out) {
  for (size_t d = 0; d < side.dim; ++d) out[d] = side.rows[i * side.dim + d];
  for (size_t f = 0; f < side.size; ++f) {
    const double p = side.profiles[i * side.size + f];
    for (size_t d = 0; d < side.dim; ++d) out[d] -= p * (*side.weights)[f * side.dim + d];
  }
}

// Mean and scatter of the residuals, and the weights' own: the parameters of the normal-Wishart
// posterior with W0 = I, beta0 = 1, nu0 = dim, mu0 = 0.
void add_scatter(const Side& side, std::vector<double>& mean, Square& inverse_scale) {
  const size_t dim = side.dim;
  const auto n = static_cast<double>(side.count());
  std::vector<double> row(dim);
  for (size_t i = 0; i < side.count(); ++i) {
    residual(side, i, row);
    for (size_t d = 0; d < dim; ++d) {
      mean[d] += row[d] / n;
      for (size_t e = 0; e <= d; ++e) inverse_scale[d * dim + e] += row[d] * row[e];
    }
  }
  for (size_t d = 0; d < dim; ++d) {
    inverse_scale[d * dim + d] += 1;
    for (size_t e = 0; e <= d; ++e) {
      double& at = inverse_scale[d * dim + e];
      at += mean[d] * mean[e] * (n / (n + 1) - n);
      for (size_t f = 0; f < side.size; ++f) {
        at += *side.ridge * (*side.weights)[f * dim + d] * (*side.weights)[f * dim + e];
      }
      inverse_scale[e * dim + d] = at;
    }
  }
}

Prior draw_prior(const Side& side, Philox& random) {
  const size_t dim = side.dim;
  const auto n = static_cast<double>(side.count());
  Prior prior{{}, std::vector<double>(dim)};
  Square inverse_scale(dim * dim, 0.0);
  add_scatter(side, prior.mean, inverse_scale);
  const double freedom = static_cast<double>(dim) + n + static_cast<double>(side.size);
  prior.precision = wishart(random, inverse_scale, dim, freedom);
  std::vector<double> noise(dim);
  for (double& value : noise) value = random.normal() / std::sqrt(n + 1);
  solve_lower_transposed(factored(prior.precision, dim).data(), noise.data(), dim);
  for (size_t d = 0; d < dim; ++d) prior.mean[d] = prior.mean[d] * n / (n + 1) + noise[d];
  return prior;
}

// The ridge of the weights: gamma with shape 1/2 and rate 1/2 before it sees them.
void draw_ridge(const Side& side, const Prior& prior, Philox& random) {
  double trace = 0;
  for (size_t f = 0; f < side.size; ++f) {
    const double* w = side.weights->data() + f * side.dim;
    for (size_t d = 0; d < side.dim; ++d) {
      for (size_t e = 0; e < side.dim; ++e)
        trace += w[d] * prior.precision[d * side.dim + e] * w[e];
    }
  }
  const auto count = static_cast<double>(side.weights->size());
  *side.ridge = gamma(random, 0.5 * (1 + count)) / (0.5 * (1 + trace));
}

// Weights: the ridge regression of rows on profiles, and noise of its covariance.
void draw_weights(const Side& side, const Prior& prior, Philox& random) {
  const size_t dim = side.dim, size = side.size;
  Square normal(size * size, 0.0);
  std::vector<double> right(size * dim, 0.0);
  for (size_t i = 0; i < side.count(); ++i) {
    const float* p = side.profiles.data() + i * size;
    const float* x = side.rows.data() + i * dim;
    for (size_t f = 0; f < size; ++f) {
      for (size_t g = 0; g <= f; ++g) normal[f * size + g] += double{p[f]} * p[g];
      for (size_t d = 0; d < dim; ++d) right[f * dim + d] += p[f] * (x[d] - prior.mean[d]);
    }
  }
  for (size_t f = 0; f < size; ++f) {
    normal[f * size + f] += *side.ridge;
    for (size_t g = 0; g < f; ++g) normal[g * size + f] = normal[f * size + g];
  }
  const Square l = factored(normal, size), lambda = factored(prior.precision, dim);
  Square noise(size * dim);
  for (size_t f = 0; f < size; ++f) {  // rows of z L⁻¹: the covariance is the inverse precision
    for (size_t d = 0; d < dim; ++d) noise[f * dim + d] = random.normal();
    solve_lower_transposed(lambda.data(), noise.data() + f * dim, dim);
  }
  std::vector<double> column(size);
  for (size_t d = 0; d < dim; ++d) {
    for (size_t f = 0; f < size; ++f) column[f] = right[f * dim + d];
    solve_lower(l.data(), column.data(), size);
    for (size_t f = 0; f < size; ++f) column[f] += noise[f * dim + d];
    solve_lower_transposed(l.data(), column.data(), size);
    for (size_t f = 0; f < size; ++f) (*side.weights)[f * dim + d] = column[f];
  }
}

Prior draw_side(const Side& side, Philox random) {
  const Prior prior = draw_prior(side, random);
  if (side.size > 0) {
    draw_ridge(side, prior, random);
    draw_weights(side, prior, random);
  }
  return prior;
}

struct RowsDraw {
  const MfMatrix& matrix;
  std::vector<float>& moving;
  const std::vector<float>& fixed;
  Stream stream;
  const Side& side;
  const Prior& prior;
};

// Draws every row given the other side.
Status draw_rows(MfRun& run, const RowsDraw& draw, const MfState& state) {
  const Side& side = draw.side;
  const Prior& prior = draw.prior;
  constexpr size_t kRowsEach = 128;
  const size_t dim = run.dim();
  const MfTable other{draw.fixed.data(), dim, dim};
  const auto one = [&](size_t row, MfScratch& scratch) {
    std::vector<double> mean = prior.mean, x(dim);
    for (size_t f = 0; f < side.size; ++f) {
      const double p = side.profiles[row * side.size + f];
      for (size_t d = 0; d < dim; ++d) mean[d] += p * (*side.weights)[f * dim + d];
    }
    Philox random = random_of(run.options.seed, draw.stream, state.epoch, row);
    for (double& value : x) value = random.normal();
    mf_solve({draw.matrix.row(row),
              other,
              {prior.precision.data(), mean.data(), 1, state.noise_precision}},
             x, scratch);
    for (size_t d = 0; d < dim; ++d) draw.moving[row * dim + d] = static_cast<float>(x[d]);
  };
  const size_t blocks = (draw.matrix.rows + kRowsEach - 1) / kRowsEach;
  return run.options.pool->for_blocks(
      blocks,
      [&](size_t block, size_t worker) {
        const size_t end = std::min(draw.matrix.rows, (block + 1) * kRowsEach);
        for (size_t row = block * kRowsEach; row < end; ++row) one(row, run.scratch[worker]);
      },
      run.options.stop);
}

// What serving needs of this moment: items, and the prior of users.
void keep_sample(const MfRun& run, const Prior& users, MfState& state) {
  MfSamples& kept = state.samples;
  const size_t dim = run.dim();
  const auto all = static_cast<size_t>(run.options.config.samples);
  kept.dim = dim;
  kept.items.resize(state.items.size() * all);
  for (size_t item = 0; item * dim < state.items.size(); ++item) {
    std::copy_n(state.items.data() + item * dim, dim,
                kept.items.data() + (item * all + kept.count) * dim);
  }
  kept.precision.insert(kept.precision.end(), users.precision.begin(), users.precision.end());
  kept.mean.insert(kept.mean.end(), users.mean.begin(), users.mean.end());
  kept.weights.insert(kept.weights.end(), state.user_weights.begin(), state.user_weights.end());
  kept.noise_precision.push_back(state.noise_precision);
  ++kept.count;
}

void draw_noise(const MfRun& run, MfState& state) {
  const MfMatrix& matrix = run.data.by_user;
  double squares = 0;
  for (uint32_t user = 0; user < matrix.rows; ++user) {
    for (uint64_t i = matrix.start[user]; i < matrix.start[user + 1]; ++i) {
      const double error = matrix.value[i] - mf_predict(state, user, matrix.index[i], run.dim());
      squares += error * error;
    }
  }
  const auto n = static_cast<double>(matrix.size());
  state.curve.train_rmse.push_back(std::sqrt(squares / n));
  Philox random = random_of(run.options.seed, kNoise, state.epoch);
  state.noise_precision = gamma(random, 0.5 * (n + 2)) / (0.5 * (squares + 2));
}

}  // namespace

Status mf_gibbs_sweep(MfRun& run, MfState& state) {
  const size_t dim = run.dim(), size = run.profiles.size;
  state.user_weights.resize(size * dim);
  state.item_weights.resize(size * dim);
  const Side users{state.users, run.user_profiles,   dim,
                   size,        &state.user_weights, &state.user_ridge};
  const Prior user_prior = draw_side(users, random_of(run.options.seed, kUserPrior, state.epoch));
  TRY(draw_rows(run, {run.data.by_user, state.users, state.items, kUserRows, users, user_prior},
                state));
  const Side items{state.items, run.item_profiles,   dim,
                   size,        &state.item_weights, &state.item_ridge};
  const Prior item_prior = draw_side(items, random_of(run.options.seed, kItemPrior, state.epoch));
  TRY(draw_rows(run, {run.data.by_item, state.items, state.users, kItemRows, items, item_prior},
                state));
  draw_noise(run, state);
  if (state.epoch >= run.options.config.iterations) keep_sample(run, user_prior, state);
  return {};
}

}  // namespace palate
