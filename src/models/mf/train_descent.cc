// The solvers that minimize: alternating least squares, and stochastic gradient descent over a
// fixed grid of strata or without any order.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

#include "math/pair_step.h"
#include "math/philox.h"
#include "models/mf/train_fit.h"

namespace palate {
namespace {

constexpr size_t kRowsEach = 128;

// Solves every row of `moving` with `fixed` held.
struct HalfStep {
  const MfMatrix& matrix;
  std::vector<float>& moving;
  const std::vector<float>& fixed;
};
Status als_half(MfRun& run, const HalfStep& step) {
  const size_t dim = run.dim();
  const MfTable other{step.fixed.data(), dim, dim};
  std::vector<double> identity(dim * dim, 0.0), zeros(dim, 0.0);
  for (size_t d = 0; d < dim; ++d) identity[d * dim + d] = 1;
  const auto one = [&](size_t row, MfScratch& scratch) {
    const MfRow rated = step.matrix.row(row);
    std::vector<double> x(dim, 0.0);
    const double lambda = mf_lambda(run.options.config, rated.index.size());
    if (!rated.index.empty()) {
      mf_solve({rated, other, {identity.data(), zeros.data(), lambda, 1}}, x, scratch);
    }
    for (size_t d = 0; d < dim; ++d) step.moving[row * dim + d] = static_cast<float>(x[d]);
  };
  const size_t blocks = (step.matrix.rows + kRowsEach - 1) / kRowsEach;
  return run.options.pool->for_blocks(
      blocks,
      [&](size_t block, size_t worker) {
        const size_t end = std::min(step.matrix.rows, (block + 1) * kRowsEach);
        for (size_t row = block * kRowsEach; row < end; ++row) one(row, run.scratch[worker]);
      },
      run.options.stop);
}

double squared_length(const std::vector<float>& rows, size_t row, size_t dim) {
  double sum = 0;
  for (size_t d = 0; d < dim; ++d) sum += double{rows[row * dim + d]} * rows[row * dim + d];
  return sum;
}

// Has the row that will soon be asked for brought into the caches.
void prefetch_row(const float* row, size_t dim) {
  constexpr size_t kLine = 16;  // floats
  for (size_t d = 0; d < dim + kLine; d += kLine) __builtin_prefetch(row + d, 1);
}
constexpr uint64_t kRowsAhead = 3;

struct Errors {
  double squares = 0, penalty = 0;
};

Errors errors_of(const MfRun& run, const MfState& state, uint32_t user) {
  const MfMatrix& matrix = run.data.by_user;
  const size_t count = matrix.start[user + 1] - matrix.start[user];
  if (count == 0) return {};
  Errors out{0,
             mf_lambda(run.options.config, count) * squared_length(state.users, user, run.dim())};
  const float* w = state.users.data() + user * run.dim();
  for (uint64_t i = matrix.start[user]; i < matrix.start[user + 1]; ++i) {
    if (i + kRowsAhead < matrix.size()) {
      prefetch_row(state.items.data() + matrix.index[i + kRowsAhead] * run.dim(), run.dim());
    }
    const double error = double{matrix.value[i]} -
                         pair_value(w, state.items.data() + matrix.index[i] * run.dim(), run.dim());
    out.squares += error * error;
  }
  return out;
}

// What is minimized, divided by the number of ratings; and the error of training. Blocks are added
// up in order, so that threads do not show.
Status add_to_curve(const MfRun& run, MfState& state) {
  const MfMatrix& matrix = run.data.by_user;
  const size_t blocks = (matrix.rows + kRowsEach - 1) / kRowsEach;
  std::vector<Errors> parts(blocks);
  TRY(run.options.pool->for_blocks(
      blocks,
      [&](size_t block, size_t) {
        const size_t end = std::min(matrix.rows, (block + 1) * kRowsEach);
        for (size_t user = block * kRowsEach; user < end; ++user) {
          const Errors one = errors_of(run, state, static_cast<uint32_t>(user));
          parts[block].squares += one.squares;
          parts[block].penalty += one.penalty;
        }
      },
      run.options.stop));
  double squares = 0, penalty = 0;
  for (const Errors& part : parts) {
    squares += part.squares;
    penalty += part.penalty;
  }
  for (size_t item = 0; item < matrix.cols; ++item) {
    const size_t count = run.data.by_item.start[item + 1] - run.data.by_item.start[item];
    if (count == 0) continue;
    penalty += mf_lambda(run.options.config, count) * squared_length(state.items, item, run.dim());
  }
  const auto n = static_cast<double>(matrix.size());
  state.curve.objective.push_back((squares + penalty) / n);
  state.curve.train_rmse.push_back(std::sqrt(squares / n));
  return {};
}

double rate_of(const MfConfig& config, int epoch) {
  return config.learning_rate / (1 + config.learning_rate_decay * epoch);
}

// Each rating carries its share of the regularization of its user and item.
struct SgdRates {
  size_t dim = 0;
  double rate = 0;
  std::vector<float> users, items;  // λ n^(ν-1)
};
SgdRates rates_of(const MfRun& run, int epoch) {
  const auto shares = [&](const MfMatrix& matrix) {
    std::vector<float> out(matrix.rows);
    for (size_t row = 0; row < matrix.rows; ++row) {
      const size_t count = matrix.start[row + 1] - matrix.start[row];
      if (count == 0) continue;
      out[row] =
          static_cast<float>(mf_lambda(run.options.config, count) / static_cast<double>(count));
    }
    return out;
  };
  return {run.dim(), rate_of(run.options.config, epoch), shares(run.data.by_user),
          shares(run.data.by_item)};
}

struct Step {
  uint32_t user, item;
  float value;
};

void sgd_step(const Step& rating, const SgdRates& rates, MfState& state) {
  const size_t dim = rates.dim;
  pair_step(state.users.data() + rating.user * dim, state.items.data() + rating.item * dim, dim,
            {.value = rating.value,
             .rate = static_cast<float>(rates.rate),
             .w_ridge = rates.users[rating.user],
             .h_ridge = rates.items[rating.item]});
}

template <class T>
void shuffle(std::vector<T>& list, Philox random) {
  for (size_t i = list.size(); i > 1; --i) {
    std::swap(list[i - 1], list[random.below(static_cast<uint32_t>(i))]);
  }
}

// Blocks (row, column) of a grid: users and items dealt out by their numbers, so that a block holds
// about as many as another.
constexpr size_t kStrata = 8;

Status deal_blocks(MfRun& run) {
  const MfMatrix& matrix = run.data.by_user;
  run.grid.resize(kStrata * kStrata);
  const auto deal_row = [&](size_t row, size_t) {
    for (size_t user = row; user < matrix.rows; user += kStrata) {
      for (uint64_t i = matrix.start[user]; i < matrix.start[user + 1]; ++i) {
        MfBlock& block = run.grid[row * kStrata + matrix.index[i] % kStrata];
        if (block.users.empty() || block.users.back() != user) {
          block.users.push_back(static_cast<uint32_t>(user));
          block.start.push_back(static_cast<uint32_t>(block.items.size()));
        }
        block.items.push_back(matrix.index[i]);
        block.values.push_back(matrix.value[i]);
      }
    }
    for (size_t column = 0; column < kStrata; ++column) {
      MfBlock& block = run.grid[row * kStrata + column];
      block.start.push_back(static_cast<uint32_t>(block.items.size()));
    }
  };
  return run.options.pool->for_blocks(kStrata, deal_row, run.options.stop);
}

// A step for each rating of the block: users in a random order, and one's ratings together, so that
// his row stays where it is fast and the block's items do, too.
void walk_block(const MfBlock& block, const SgdRates& rates, Philox random, MfState& state) {
  std::vector<uint32_t> order(block.users.size());
  std::iota(order.begin(), order.end(), 0U);
  shuffle(order, random);
  for (const uint32_t at : order) {
    for (uint32_t i = block.start[at]; i < block.start[at + 1]; ++i) {
      if (i + kRowsAhead < block.items.size()) {
        prefetch_row(state.items.data() + block.items[i + kRowsAhead] * rates.dim, rates.dim);
      }
      sgd_step({block.users[at], block.items[i], block.values[i]}, rates, state);
    }
  }
}

// The same through atomics: what two threads write at once is one of the two.
void hogwild_step(const Step& rating, const SgdRates& rates, MfState& state) {
  const size_t dim = rates.dim;
  float* w = state.users.data() + rating.user * dim;
  float* h = state.items.data() + rating.item * dim;
  const auto get = [](float& at) {
    return std::atomic_ref<float>(at).load(std::memory_order_relaxed);
  };
  const auto set = [](float& at, float value) {
    std::atomic_ref<float>(at).store(value, std::memory_order_relaxed);
  };
  float predicted = get(w[0]) + get(h[0]);
  for (size_t d = 1; d < dim; ++d) predicted += get(w[d]) * get(h[d]);
  const float error = rating.value - predicted;
  const auto rate = static_cast<float>(rates.rate);
  const float ru = rates.users[rating.user], ri = rates.items[rating.item];
  for (size_t d = 0; d < dim; ++d) {
    const float a = get(w[d]), b = get(h[d]);
    set(w[d], a + rate * (error * (d == 0 ? 1.0F : b) - ru * a));
    set(h[d], b + rate * (error * (d == 0 ? 1.0F : a) - ri * b));
  }
}

}  // namespace

double mf_lambda(const MfConfig& config, size_t ratings) {
  const double exponent = config.regularization_exponent;
  return config.regularization * std::pow(static_cast<double>(ratings), exponent);
}

Status mf_als_epoch(MfRun& run, MfState& state) {
  TRY(als_half(run, {run.data.by_user, state.users, state.items}));
  TRY(als_half(run, {run.data.by_item, state.items, state.users}));
  return add_to_curve(run, state);
}

// Distributed stochastic gradient descent (Gemulla et al., KDD 2011): blocks of one stratum share
// neither a user nor an item, so they may run at once, and the result is that of any order.
Status mf_sgd_epoch(MfRun& run, MfState& state) {
  const SgdRates rates = rates_of(run, state.epoch);
  if (run.grid.empty()) TRY(deal_blocks(run));
  for (size_t stratum = 0; stratum < kStrata; ++stratum) {
    TRY(run.options.pool->for_blocks(
        kStrata,
        [&](size_t row, size_t) {
          const size_t number = row * kStrata + (row + stratum) % kStrata;
          const uint64_t stream = static_cast<uint64_t>(state.epoch) << 32 | number;
          walk_block(run.grid[number], rates, Philox(run.options.seed, stream), state);
        },
        run.options.stop));
  }
  return add_to_curve(run, state);
}

// Recht et al., "Hogwild!", NIPS 2011: all at once and without locks, so the result depends on
// what the threads do.
Status mf_hogwild_epoch(MfRun& run, MfState& state) {
  constexpr size_t kStepsEach = 4096;
  const SgdRates rates = rates_of(run, state.epoch);
  std::vector<Step> steps;
  const MfMatrix& matrix = run.data.by_user;
  steps.reserve(matrix.size());
  for (uint32_t user = 0; user < matrix.rows; ++user) {
    for (uint64_t i = matrix.start[user]; i < matrix.start[user + 1]; ++i) {
      steps.push_back({user, matrix.index[i], matrix.value[i]});
    }
  }
  shuffle(steps, Philox(run.options.seed, static_cast<uint64_t>(state.epoch) << 32));
  TRY(run.options.pool->for_blocks((steps.size() + kStepsEach - 1) / kStepsEach,
                                   [&](size_t block, size_t) {
                                     const size_t end =
                                         std::min(steps.size(), (block + 1) * kStepsEach);
                                     for (size_t i = block * kStepsEach; i < end; ++i) {
                                       hogwild_step(steps[i], rates, state);
                                     }
                                   },
                                   run.options.stop));
  return add_to_curve(run, state);
}

}  // namespace palate
