#include "models/als/train_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <sys/mman.h>

#include "math/dense.h"
#include "math/philox.h"
#include "models/als/solver.h"

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
  std::vector<float>* vectors;
  [[nodiscard]] AlsRow row(size_t i) const {
    const auto begin = matrix->start[i];
    const auto count = matrix->start[i + 1] - begin;
    return {{matrix->index.data() + begin, count}, {matrix->value.data() + begin, count}};
  }
};

struct Fit {
  const AlsFitOptions& options;
  AlsSolverOptions solver;
  size_t dim;
  std::vector<AlsScratch> scratch;  // one a worker
};

// `size` zeros, on huge pages where the system grants them: vectors are read in random order, and a
// table of many small pages misses the TLB at almost every one.
std::vector<float> random_access_table(size_t size) {
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  std::vector<float> out;
  out.reserve(size);
  const auto begin = reinterpret_cast<uintptr_t>(out.data());
  const uintptr_t from = (begin + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (begin + size * sizeof(float)) / kHugePage * kHugePage;
  // Only advice: a refusal costs speed and nothing else.
  if (from < end) (void)madvise(reinterpret_cast<void*>(from), end - from, MADV_HUGEPAGE);
  out.resize(size);
  return out;
}

// Uniform in ±1/sqrt(dim)/10, a stream a row; zeros in the padding.
std::vector<float> starting_point(size_t rows, std::span<const float> given, const Fit& fit,
                                  uint64_t stream) {
  const size_t factors = fit.solver.factors;
  std::vector<float> out = random_access_table(rows * fit.dim);
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

// Solves every row of `side` with `fixed` held. Returns the rows' loss, summed in row order, when
// asked for, and their regularization.
Result<double> half_step(const Side& side, const RowsView& fixed, Fit& fit, bool with_loss) {
  const auto gram = TRY(gram_matrix(fixed, *fit.options.pool, fit.options.stop));
  const AlsSolver solver(fixed, gram.data(), fit.solver);
  std::vector<double> loss(side.borders.size() - 1, 0.0);
  const auto solve_block = [&](size_t block, size_t worker) {
    AlsScratch& scratch = fit.scratch[worker];
    for (size_t i = side.borders[block]; i < side.borders[block + 1]; ++i) {
      const AlsRow row = side.row(i);
      float* x = side.vectors->data() + i * fit.dim;
      solver.solve(row, x, scratch);
      if (!with_loss) continue;
      loss[block] += solver.loss(row, x, scratch);
      loss[block] += solver.regularization(row.index.size()) * dot(x, x, fit.dim);
    }
  };
  TRY(fit.options.pool->for_blocks(loss.size(), solve_block, fit.options.stop));
  return std::accumulate(loss.begin(), loss.end(), 0.0);
}

// The regularization of rows that are not being solved.
double regularization_of(const Side& side, const RowsView& fixed, const Fit& fit) {
  const AlsSolver solver(fixed, nullptr, fit.solver);
  double sum = 0;
  for (size_t i = 0; i < side.matrix->rows; ++i) {
    const float* x = side.vectors->data() + i * fit.dim;
    sum += solver.regularization(side.row(i).index.size()) * dot(x, x, fit.dim);
  }
  return sum;
}

Status run_epochs(const Side& users, const Side& items, Fit& fit, AlsFactors& out) {
  const RowsView user_rows{out.users.data(), users.matrix->rows, fit.dim};
  const RowsView item_rows{out.items.data(), items.matrix->rows, fit.dim};
  const auto& weights = users.matrix->value;
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0) +
                     static_cast<double>(user_rows.count) * static_cast<double>(item_rows.count);
  for (int epoch = 0; epoch < fit.options.config.iterations; ++epoch) {
    if (fit.options.before_epoch) fit.options.before_epoch(epoch);
    TRY(half_step(users, item_rows, fit, false));
    const double loss = TRY(half_step(items, user_rows, fit, fit.options.track_loss));
    if (fit.options.track_loss) {
      out.loss.push_back((loss + regularization_of(users, item_rows, fit)) / all);
    }
    if (fit.options.after_epoch) fit.options.after_epoch(epoch);
  }
  return {};
}

Result<AlsSolverOptions> solver_options(const AlsConfig& config) {
  AlsSolverOptions out;
  if (config.solver == "cholesky") {
    out.method = AlsMethod::kCholesky;
  } else if (config.solver != "cg") {
    return fail(Code::kInvalidArgument, "als.solver is '{}'; use cg or cholesky", config.solver);
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

}  // namespace

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
  std::vector<float> parts(blocks * size, 0.0F);
  const auto add_block = [&](size_t block, size_t) {
    const size_t end = std::min((block + 1) * block_rows, rows.count);
    std::vector<float> packed(kStep * rows.dim), unused(rows.dim);
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
  mirror_upper(gram.data(), rows.dim);
  return gram;
}

Result<AlsFactors> als_fit(const SparseMatrix& matrix, const AlsFitOptions& options) {
  if (matrix.index.empty()) {
    return fail(Code::kInvalidArgument, "als needs at least one positive interaction");
  }
  Fit fit{options, TRY(solver_options(options.config)), 0, {}};
  fit.dim = padded(fit.solver.factors);
  fit.scratch.resize(options.pool->size());
  SparseMatrix by_user = matrix;
  for (float& value : by_user.value) value *= static_cast<float>(options.config.alpha);
  const SparseMatrix by_item = by_user.transposed();
  AlsFactors out;
  out.factors = fit.solver.factors;
  out.dim = fit.dim;
  out.users = starting_point(by_user.rows, options.users, fit, 0);
  out.items = starting_point(by_item.rows, options.items, fit, 1);
  const Side users{&by_user, block_borders(by_user), &out.users};
  const Side items{&by_item, block_borders(by_item), &out.items};
  TRY(run_epochs(users, items, fit, out));
  return out;
}

}  // namespace palate
