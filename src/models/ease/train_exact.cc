#include <algorithm>
#include <utility>

#include <Eigen/Cholesky>

#include "math/dense.h"
#include "math/rows.h"
#include "models/ease/train_fit.h"

namespace palate {
namespace {

constexpr size_t kPivots = 128;  // a step
constexpr size_t kTile = 256;    // rows and columns of an update

// One step of pivots: rows [begin, begin + count) of the symmetric matrix.
struct Step {
  size_t begin, count;
};

class Sweeps {
 public:
  Sweeps(float* a, size_t size, size_t stride)
      : a_(a), size_(size), stride_(stride), panel_(kPivots * stride), product_(panel_) {}

  Result<bool> run(const Workers& workers) {
    for (size_t begin = 0; begin < size_; begin += kPivots) {
      const Step step{begin, std::min(kPivots, size_ - begin)};
      const auto multiply = [&](size_t block, size_t) { multiply_columns(step, block); };
      const auto update = [&](size_t block, size_t) { update_rows(step, block); };
      gather(step);
      if (!invert_pivots(step)) return false;
      const size_t blocks = (stride_ + kTile - 1) / kTile;
      TRY(workers.pool->for_blocks(blocks, multiply, workers.stop));
      TRY(workers.pool->for_blocks(blocks, update, workers.stop));
      scatter(step);
    }
    return true;
  }

 private:
  [[nodiscard]] float* row(size_t i) { return a_ + i * stride_; }
  // Panels of kLanes columns, each with the step's rows: what subtract_products() reads.
  [[nodiscard]] static size_t at(const Step& step, size_t pivot, size_t column) {
    return (column / kLanes * step.count + pivot) * kLanes + column % kLanes;
  }

  // The step's rows of the matrix, whole.
  void gather(const Step& step) {
    for (size_t i = 0; i < step.begin; ++i) {
      for (size_t p = 0; p < step.count; ++p) panel_[at(step, p, i)] = row(i)[step.begin + p];
    }
    for (size_t p = 0; p < step.count; ++p) {
      const float* from = row(step.begin + p);
      for (size_t q = 0; q < p; ++q) {
        panel_[at(step, p, step.begin + q)] = row(step.begin + q)[step.begin + p];
      }
      for (size_t i = step.begin + p; i < stride_; ++i) panel_[at(step, p, i)] = from[i];
    }
  }

  // minus_inverse_ ← -(pivot block)⁻¹, packed as the panels are.
  [[nodiscard]] bool invert_pivots(const Step& step) {
    const auto n = static_cast<Eigen::Index>(step.count);
    Eigen::MatrixXd block(n, n);
    for (size_t p = 0; p < step.count; ++p) {
      for (size_t q = 0; q < step.count; ++q) {
        block(static_cast<Eigen::Index>(p), static_cast<Eigen::Index>(q)) =
            panel_[at(step, p, step.begin + q)];
      }
    }
    const Eigen::LLT<Eigen::MatrixXd> factored(block);
    if (factored.info() != Eigen::Success) return false;
    const Eigen::MatrixXd inverse = factored.solve(Eigen::MatrixXd::Identity(n, n));
    minus_inverse_.assign(step.count * padded(step.count), 0.0F);
    for (size_t p = 0; p < step.count; ++p) {
      for (size_t q = 0; q < step.count; ++q) {
        minus_inverse_[at(step, p, q)] = -static_cast<float>(
            inverse(static_cast<Eigen::Index>(p), static_cast<Eigen::Index>(q)));
      }
    }
    return true;
  }

  // product_ ← inverse · panel_, the columns of a block, packed in the same way.
  void multiply_columns(const Step& step, size_t block) {
    const size_t begin = block * kTile, width = std::min(kTile, stride_ - begin);
    FloatTable rows(padded(step.count) * width, 0.0F);
    subtract_products({minus_inverse_.data(), step.count, padded(step.count)},
                      {panel_.data() + begin * step.count, step.count, width},
                      {rows.data(), width});
    for (size_t p = 0; p < step.count; ++p) {
      for (size_t i = 0; i < width; ++i) {
        product_[at(step, p, begin + i)] = rows[p * width + i];
      }
    }
  }

  // a ← a - productᵀ panel, a block of rows from its diagonal on.
  void update_rows(const Step& step, size_t block) {
    const size_t begin = block * kTile, height = std::min(kTile, stride_ - begin);
    for (size_t column = begin; column < stride_; column += kTile) {
      const size_t width = std::min(kTile, stride_ - column);
      subtract_products({product_.data() + begin * step.count, step.count, height},
                        {panel_.data() + column * step.count, step.count, width},
                        {row(begin) + column, stride_});
    }
  }

  // What the update has spoilt: the pivots' own rows and columns.
  void scatter(const Step& step) {
    for (size_t i = 0; i < step.begin; ++i) {
      for (size_t p = 0; p < step.count; ++p) row(i)[step.begin + p] = product_[at(step, p, i)];
    }
    for (size_t p = 0; p < step.count; ++p) {
      float* to = row(step.begin + p);
      for (size_t q = p; q < step.count; ++q) to[step.begin + q] = minus_inverse_[at(step, p, q)];
      for (size_t i = step.begin + step.count; i < stride_; ++i) to[i] = product_[at(step, p, i)];
    }
  }

  float* a_;
  size_t size_, stride_;
  FloatTable panel_, product_, minus_inverse_;
};

// S Xᵀ X S, the upper triangle, in rows of padded(items) floats. The padding is the identity's.
Result<FloatTable> dense_gram(const Cooccurrence& pairs, std::span<const float> scale,
                              const Workers& workers) {
  const size_t items = pairs.items(), stride = padded(items);
  FloatTable gram(stride * stride, 0.0F);
  std::vector<CooccurrenceRow> rows(workers.pool->size());
  constexpr size_t kBlockRows = 16;
  const auto fill = [&](size_t block, size_t worker) {
    const size_t last = std::min((block + 1) * kBlockRows, items);
    for (size_t item = block * kBlockRows; item < last; ++item) {
      const auto number = static_cast<uint32_t>(item);
      pairs.row(number, Cooccurrence::Part::kFromItself, rows[worker]);
      for (const uint32_t other : rows[worker].touched) {
        gram[item * stride + other] = rows[worker].sum[other] * scale[item] * scale[other];
      }
      rows[worker].reset();
    }
  };
  TRY(workers.pool->for_blocks((items + kBlockRows - 1) / kBlockRows, fill, workers.stop));
  for (size_t i = items; i < stride; ++i) gram[i * stride + i] = 1;
  return gram;
}

float mean_diagonal(const FloatTable& gram, size_t items, size_t stride) {
  double sum = 0, known = 0;
  for (size_t i = 0; i < items; ++i) {
    if (!(gram[i * stride + i] > 0)) continue;
    sum += gram[i * stride + i];
    ++known;
  }
  return known > 0 ? static_cast<float>(sum / known) : 1.0F;
}

// From -P, upper triangle, to the weights.
void weights_of(FloatTable& a, std::span<const uint32_t> counts, const EaseConfig& config) {
  const size_t items = counts.size(), stride = padded(items);
  const auto scale = powers_of(counts, -config.item_power);
  auto target = powers_of(counts, config.target_power);
  for (size_t i = 0; i < items; ++i) target[i] /= -a[i * stride + i];
  for (size_t i = 0; i < items; ++i) {
    a[i * stride + i] = 0;
    for (size_t j = i + 1; j < items; ++j) {
      const float entry = a[i * stride + j];
      a[i * stride + j] = scale[i] * entry * target[j];
      a[j * stride + i] = scale[j] * entry * target[i];
    }
    std::fill(a.begin() + static_cast<ptrdiff_t>(i * stride + items),
              a.begin() + static_cast<ptrdiff_t>((i + 1) * stride), 0.0F);
  }
  a.resize(items * stride);
}

}  // namespace

Result<bool> invert_by_sweeps(float* a, size_t size, size_t stride, const Workers& workers) {
  return Sweeps(a, size, stride).run(workers);
}

Result<FloatTable> ease_fit_exact(SparseMatrix matrix, const EaseFitOptions& options) {
  if (matrix.index.empty()) {
    return fail(Code::kInvalidArgument, "ease needs at least one positive interaction");
  }
  const EaseConfig& config = options.config;
  const auto counts = entries_by_column(matrix);
  const size_t items = counts.size(), stride = padded(items);
  weigh_entries(matrix, {.user_power = config.user_power, .value_power = config.value_power});
  const Cooccurrence pairs(std::move(matrix));
  FloatTable gram =
      TRY(dense_gram(pairs, powers_of(counts, -config.item_power), options.workers()));
  const float lambda =
      static_cast<float>(config.regularization) * mean_diagonal(gram, items, stride);
  for (size_t i = 0; i < items; ++i) gram[i * stride + i] += lambda;
  if (!TRY(invert_by_sweeps(gram.data(), stride, stride, options.workers()))) {
    return fail(Code::kInvalidArgument,
                "ease.regularization {} is too small for this data; use more than {}",
                config.regularization, config.regularization * 2);
  }
  weights_of(gram, counts, config);
  return gram;
}

}  // namespace palate
