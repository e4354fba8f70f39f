#include "models/als/train_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "math/dense.h"
#include "math/philox.h"
#include "math/spectrum.h"
#include "models/als/solver.h"
#include "models/train_checkpoints.h"

namespace palate {
namespace {

// A half-step is cut at rows so that each block holds about as many entries.
constexpr size_t kBlockEntries = 16384;
constexpr size_t kBlockRows = 256;

std::vector<size_t> block_borders(const SparseMatrix& matrix) {
  std::vector<size_t> borders{0};
  uint64_t first = 0;
  for (size_t row = 0; row < matrix.rows; ++row) {
    const bool full =
        matrix.start[row + 1] - first >= kBlockEntries || row + 1 - borders.back() >= kBlockRows;
    if (!full && row + 1 < matrix.rows) continue;
    borders.push_back(row + 1);
    first = matrix.start[row + 1];
  }
  return borders;
}

// One side of the alternation: the rows to be solved, in blocks, and their vectors.
struct Side {
  const SparseMatrix* matrix;
  std::vector<size_t> borders;
  FloatTable* vectors;
  [[nodiscard]] AlsRow row(size_t i) const {
    const auto begin = matrix->start[i];
    const auto end = matrix->start[i + 1], count = end - begin;
    return {{matrix->index.data() + begin, count},
            {matrix->value.data() + begin, count},
            matrix->index.size() - end};
  }
};

struct Fit {
  const AlsFitOptions& options;
  AlsSolverOptions solver;
  size_t dim;
  std::vector<AlsScratch> scratch;  // one a worker
};

// Normal with a deviation of 0.1/sqrt(factors), a stream a row; zeros in the padding.
FloatTable starting_point(size_t rows, std::span<const float> given, const Fit& fit,
                          uint64_t stream) {
  const size_t factors = fit.solver.factors;
  FloatTable out(rows * fit.dim, 0.0F);
  const float scale = 0.1F / std::sqrt(static_cast<float>(factors));
  for (size_t row = 0; row < rows; ++row) {
    float* to = out.data() + row * fit.dim;
    if (!given.empty()) {
      std::copy_n(given.data() + row * factors, factors, to);
      continue;
    }
    Philox random(fit.options.seed, stream << 32 | row);
    for (size_t d = 0; d < factors; ++d) to[d] = scale * static_cast<float>(random.normal());
  }
  return out;
}

// Solves every row of `side` with `fixed` held. Returns what was minimized, summed in row order.
Result<double> half_step(const Side& side, const Rows& fixed, Fit& fit) {
  const Rows moving{side.vectors->data(), side.matrix->rows, fit.dim};
  const auto spectrum = TRY(als_diagonalize(fixed, moving, fit.solver.factors, fit.options));
  const AlsSolver solver(fixed.view(), spectrum.data(), fit.solver);
  std::vector<double> loss(side.borders.size() - 1, 0.0);
  const auto solve_block = [&](size_t block, size_t worker) {
    for (size_t i = side.borders[block]; i < side.borders[block + 1]; ++i) {
      loss[block] += solver.solve(side.row(i), moving.data + i * fit.dim, fit.scratch[worker]);
    }
  };
  TRY(fit.options.pool->for_blocks(loss.size(), solve_block, fit.options.stop));
  return std::accumulate(loss.begin(), loss.end(), 0.0);
}

// The regularization of rows that are not being solved.
double regularization_of(const Side& side, const Fit& fit) {
  double sum = 0;
  for (size_t i = 0; i < side.matrix->rows; ++i) {
    const float* x = side.vectors->data() + i * fit.dim;
    sum += fit.solver.lambda(side.row(i).index.size(), side.matrix->cols) * dot(x, x, fit.dim);
  }
  return sum;
}

FitCheckpoints checkpoints_of(const Fit& fit, const SparseMatrix& matrix, const AlsFactors& start) {
  const AlsFitOptions& options = fit.options;
  const AlsConfig& c = options.config;
  if (c.checkpoints.empty()) return FitCheckpoints({});
  return FitCheckpoints(
      {.folder = c.checkpoints,
       .cost = c.checkpoint_cost,
       .kind = "als",
       .of_what = fmt::format(
           "{} {} {} {} {} {} {} {} {} {} {} {}",
           name_of_numbers(matrix.start, matrix.index, matrix.value, start.users, start.items),
           options.seed, c.factors, c.iterations, c.alpha, c.regularization,
           c.regularization_exponent, c.solver, c.cg_steps, c.block, start.users.size(),
           start.items.size())});
}

// The state between two epochs.
std::string state_of(const AlsFactors& at) {
  std::string bytes;
  put_list(bytes, at.users.data(), at.users.size());
  put_list(bytes, at.items.data(), at.items.size());
  put_list(bytes, at.loss.data(), at.loss.size());
  return bytes;
}

// Goes on from the newest whole checkpoint of this fit, where there is one.
Status resume(const FitCheckpoints& checkpoints, AlsFactors& out) {
  AlsFactors found;
  const bool taken = TRY(checkpoints.resume([&](std::string_view bytes) {
    return take_list(bytes, found.users) && take_list(bytes, found.items) &&
           take_list(bytes, found.loss) && bytes.empty() &&
           found.users.size() == out.users.size() && found.items.size() == out.items.size();
  }));
  if (!taken) return {};
  std::ranges::copy(found.users, out.users.begin());
  std::ranges::copy(found.items, out.items.begin());
  out.loss = std::move(found.loss);
  out.resumed_at = static_cast<int>(out.loss.size());
  return {};
}

Status run_epochs(const Side& users, const Side& items, Fit& fit, AlsFactors& out) {
  const Rows user_rows{out.users.data(), users.matrix->rows, fit.dim};
  const Rows item_rows{out.items.data(), items.matrix->rows, fit.dim};
  const auto& value = users.matrix->value;
  const double all = fit.solver.alpha * std::accumulate(value.begin(), value.end(), 0.0) +
                     static_cast<double>(user_rows.count) * static_cast<double>(item_rows.count);
  FitCheckpoints checkpoints = checkpoints_of(fit, *users.matrix, out);
  TRY(resume(checkpoints, out));
  const int epochs = fit.options.config.iterations;
  for (int epoch = out.resumed_at; epoch < epochs; ++epoch) {
    if (fit.options.before_epoch) fit.options.before_epoch(epoch);
    TRY(half_step(users, item_rows, fit));
    const double loss = TRY(half_step(items, user_rows, fit));
    out.loss.push_back((loss + regularization_of(users, fit)) / all);
    if (epoch + 1 < epochs) TRY(checkpoints.keep(epoch + 1, [&] { return state_of(out); }));
    if (fit.options.after_epoch) fit.options.after_epoch(epoch);
  }
  TRY(checkpoints.remove_all());
  out.spectrum = TRY(als_diagonalize(item_rows, user_rows, fit.solver.factors, fit.options));
  return {};
}

Result<AlsSolverOptions> solver_options(const AlsConfig& config) {
  AlsSolverOptions out;
  if (config.solver == "cholesky") {
    out.method = AlsMethod::kCholesky;
  } else if (config.solver == "block") {
    out.method = AlsMethod::kBlocks;
    out.block = static_cast<size_t>(std::max(1, config.block));
  } else if (config.solver != "cg") {
    return fail(Code::kInvalidArgument, "als.solver is '{}'; use cg, block or cholesky",
                config.solver);
  }
  if (config.factors < 1 || config.alpha <= 0 || config.cg_steps < 1) {
    return fail(Code::kInvalidArgument, "als.factors, als.alpha and als.cg_steps must be positive");
  }
  out.steps_max = config.cg_steps;
  out.factors = static_cast<size_t>(config.factors);
  out.regularization = config.regularization;
  out.exponent = config.regularization_exponent;
  out.alpha = config.alpha;
  return out;
}

// Yᵀ Y, the upper triangle of dim × dim. Summed over fixed blocks, in order.
Result<std::vector<float>> gram_matrix(const RowsView& rows, ThreadPool& pool,
                                       std::stop_token stop) {
  constexpr size_t kBlocksMax = 64, kRowsMin = 512, kStep = 64;
  std::array<uint32_t, kStep> index;
  std::iota(index.begin(), index.end(), 0U);
  std::array<float, kStep> ones;
  ones.fill(1.0F);
  const size_t size = rows.dim * rows.dim;
  const size_t block_rows = std::max(kRowsMin, (rows.count + kBlocksMax - 1) / kBlocksMax);
  const size_t blocks = (rows.count + block_rows - 1) / block_rows;
  FloatTable parts(blocks * size, 0.0F);
  const auto add_block = [&](size_t block, size_t) {
    const size_t end = std::min((block + 1) * block_rows, rows.count);
    FloatTable packed(kStep * rows.dim), unused(rows.dim);
    for (size_t i = block * block_rows; i < end; i += kStep) {
      const size_t count = std::min(kStep, end - i);
      const PickedRows step{{rows.row(i), count, rows.dim}, {index.data(), count}};
      pack_rows(step, {nullptr, ones.data()}, packed.data(), unused.data());
      add_outer({packed.data(), count, rows.dim}, parts.data() + block * size);
    }
  };
  TRY(pool.for_blocks(blocks, add_block, stop));
  std::vector<float> gram(size, 0.0F);
  for (size_t block = 0; block < blocks; ++block) {
    for (size_t i = 0; i < size; ++i) gram[i] += parts[block * size + i];
  }
  return gram;
}

Status rotate_table(const Rows& rows, const std::vector<float>& q, const AlsFitOptions& options) {
  constexpr size_t kRotatedRows = 256;
  const auto rotate_block = [&](size_t block, size_t) {
    const size_t begin = block * kRotatedRows, end = std::min(begin + kRotatedRows, rows.count);
    rotate_rows(rows.data + begin * rows.dim, end - begin, q.data(), rows.dim);
  };
  const size_t blocks = (rows.count + kRotatedRows - 1) / kRotatedRows;
  return options.pool->for_blocks(blocks, rotate_block, options.stop);
}

}  // namespace

Result<std::vector<float>> als_diagonalize(const Rows& fixed, const Rows& other, size_t factors,
                                           const AlsFitOptions& options) {
  const auto gram = TRY(gram_matrix(fixed.view(), *options.pool, options.stop));
  const Spectrum axes = spectrum(gram.data(), factors, fixed.dim);
  TRY(rotate_table(fixed, axes.vectors, options));
  TRY(rotate_table(other, axes.vectors, options));
  return axes.values;
}

Result<AlsFactors> als_fit(const SparseMatrix& matrix, const AlsFitOptions& options) {
  if (matrix.index.empty()) {
    return fail(Code::kInvalidArgument, "als needs at least one positive interaction");
  }
  Fit fit{options, TRY(solver_options(options.config)), 0, {}};
  fit.dim = padded(fit.solver.factors);
  fit.scratch.resize(options.pool->size());
  const SparseMatrix by_item = matrix.transposed();
  AlsFactors out;
  out.factors = fit.solver.factors;
  out.dim = fit.dim;
  out.users = starting_point(matrix.rows, options.users, fit, 0);
  out.items = starting_point(by_item.rows, options.items, fit, 1);
  const Side users{&matrix, block_borders(matrix), &out.users};
  const Side items{&by_item, block_borders(by_item), &out.items};
  TRY(run_epochs(users, items, fit, out));
  return out;
}

}  // namespace palate
