#include "learn/trained_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "learn/blocks.h"
#include "math/philox.h"

namespace palate {
namespace {

constexpr size_t kGatherRows = 1024;  // of a batch, one block of work

std::span<const uint32_t> ids_of(const BatchIds& ids, size_t row) {
  if (ids.start.empty()) return ids.values.subspan(row, 1);
  return ids.values.subspan(ids.start[row], ids.start[row + 1] - ids.start[row]);
}

// What a bag's gradient is multiplied by for each of its rows.
float share_of(Pooling pooling, size_t ids) {
  return pooling == Pooling::kMean && ids > 0 ? 1.0F / static_cast<float>(ids) : 1.0F;
}

}  // namespace

TrainedTable::TrainedTable(const SparseField& field, const TableOptions& options, uint64_t seed)
    : rows_(field.rows), width_(field.width), pooling_(field.pooling), options_(options) {
  PALATE_CHECK(rows_ > 0 && width_ > 0, "a table without rows or width");
  weights_.resize(rows_ * width_);
  for (size_t row = 0; row < rows_; ++row) {
    Philox random(seed, row);
    for (size_t i = 0; i < width_; ++i) {
      weights_[row * width_ + i] = static_cast<float>(options.sigma * random.normal());
    }
  }
  if (options.average > 0) average_ = weights_;
  touched_.assign(rows_, 0);
}

void TrainedTable::gather(const BatchIds& ids, std::span<float> out, bool averaged,
                          ThreadPool& pool) const {
  PALATE_CHECK(out.size() == ids.rows * width_, "room for what is gathered");
  PALATE_CHECK(!averaged || !average_.empty(), "the average of a table that keeps none");
  for_all_blocks(pool, gather_blocks(ids),
                 [&](size_t block) { gather_block(ids, out, averaged, block); });
}

size_t TrainedTable::gather_blocks(const BatchIds& ids) {
  return (ids.rows + kGatherRows - 1) / kGatherRows;
}

void TrainedTable::gather_block(const BatchIds& ids, std::span<float> out, bool averaged,
                                size_t block) const {
  const size_t end = std::min(ids.rows, (block + 1) * kGatherRows);
  for (size_t by = block * kGatherRows; by < end; ++by) {
    const auto mine = ids_of(ids, by);
    float* to = out.data() + by * width_;
    if (mine.size() == 1 && !averaged) {
      std::copy_n(weights_.data() + mine[0] * width_, width_, to);
      continue;
    }
    const float share = share_of(pooling_, mine.size());
    std::fill_n(to, width_, 0.0F);
    for (const uint32_t row : mine) {
      const float* from = weights_.data() + row * width_;
      const float* mean = averaged ? average_.data() + row * width_ : from;
      const float keep = averaged ? kept(row, step_) : 1.0F;
      for (size_t i = 0; i < width_; ++i) to[i] += share * (from[i] + keep * (mean[i] - from[i]));
    }
  }
}

// How much of the average's distance to the weights is left: a row that has not been touched since
// touched_[row] came nearer by the same factor in every step.
float TrainedTable::kept(size_t row, int64_t step) const {
  return static_cast<float>(std::pow(options_.average, static_cast<double>(step - touched_[row])));
}

void TrainedTable::catch_up(size_t row, int64_t step) {
  if (average_.empty()) return;
  const float keep = kept(row, step);
  for (size_t i = row * width_; i < (row + 1) * width_; ++i) {
    average_[i] = weights_[i] + keep * (average_[i] - weights_[i]);
  }
}

void TrainedTable::step_row(size_t row, std::span<const float> gradient, const Stepper& stepper) {
  const StepOptions& options = stepper.options();
  // The average sees the weights of the steps before, then the new ones in the steps from here on.
  catch_up(row, options.step - 1);
  touched_[row] = static_cast<uint32_t>(options.step - 1);
  const std::span<float> weights(&weights_[row * width_], width_);
  if (options.rule == Rule::kAdagrad) {
    take_row_step(weights, gradient, second_[row], options);
    return;
  }
  const auto part = [&](std::vector<float>& all) {
    return all.empty() ? std::span<float>() : std::span<float>(&all[row * width_], width_);
  };
  stepper.take({weights, gradient, part(first_), part(second_)});
}

void TrainedTable::update(const BatchIds& ids, std::span<const float> gradients,
                          const StepOptions& options, ThreadPool& pool) {
  Update all = start_update(ids, {&gradients, 1}, options);
  for_all_blocks(pool, kUpdateParts, [&](size_t part) { update_part(all, part); });
}

TrainedTable::Update TrainedTable::start_update(const BatchIds& ids,
                                                std::span<const std::span<const float>> gradients,
                                                const StepOptions& options) {
  const bool adam = options.rule == Rule::kAdam || options.rule == Rule::kLamb;
  if (adam && first_.empty()) first_.assign(weights_.size(), 0.0F);
  if (options.rule != Rule::kSgd && second_.empty()) {
    second_.assign(adam ? weights_.size() : rows_, 0.0F);
  }
  step_ = options.step;
  Update update{Stepper(options), {}, {}};
  for (size_t by = 0; by < ids.rows; ++by) {
    for (const uint32_t row : ids_of(ids, by)) ++update.begin[row % kUpdateParts + 1];
  }
  std::partial_sum(update.begin.begin(), update.begin.end(), update.begin.begin());
  update.uses.resize(update.begin.back());
  std::array<size_t, kUpdateParts + 1> next = update.begin;
  size_t by = 0;
  for (const std::span<const float> run : gradients) {
    for (size_t at = 0; at < run.size(); at += width_, ++by) {
      PALATE_CHECK(by < ids.rows, "a gradient for each row of the batch");
      const auto mine = ids_of(ids, by);
      const float share = share_of(pooling_, mine.size());
      for (const uint32_t row : mine) {
        update.uses[next[row % kUpdateParts]++] = {row, static_cast<uint32_t>(by), share,
                                                   run.data() + at};
      }
    }
  }
  PALATE_CHECK(by == ids.rows, "a gradient for each row of the batch");
  return update;
}

// Uses ascending by row, those of one row in the order of the batch.
void TrainedTable::update_part(Update& update, size_t part) {
  const std::span uses =
      std::span(update.uses)
          .subspan(update.begin[part], update.begin[part + 1] - update.begin[part]);
  std::ranges::sort(uses, {}, [](const Use& use) { return uint64_t{use.row} << 32 | use.by; });
  std::vector<float> sum(width_);
  auto use = uses.begin();
  for (size_t row = part; row < rows_; row += kUpdateParts) {
    if (!options_.decay_all) {
      if (use == uses.end()) break;
      row = use->row;
    }
    std::ranges::fill(sum, 0.0F);
    float* to = sum.data();
    for (; use != uses.end() && use->row == row; ++use) {
      for (size_t i = 0; i < width_; ++i) to[i] += use->share * use->gradient[i];
    }
    step_row(row, sum, update.stepper);
  }
}

std::vector<float> TrainedTable::averaged() const {
  PALATE_CHECK(!average_.empty(), "the average of a table that keeps none");
  std::vector<float> out(weights_.size());
  for (size_t row = 0; row < rows_; ++row) {
    const float keep = kept(row, step_);
    for (size_t i = row * width_; i < (row + 1) * width_; ++i) {
      out[i] = weights_[i] + keep * (average_[i] - weights_[i]);
    }
  }
  return out;
}

TrainedTable::State TrainedTable::state() const {
  return {weights_, first_, second_, average_, touched_, step_};
}

void TrainedTable::restore(State state) {
  PALATE_CHECK(state.weights.size() == weights_.size(), "a state of another table");
  weights_ = std::move(state.weights);
  first_ = std::move(state.first);
  second_ = std::move(state.second);
  average_ = std::move(state.average);
  touched_ = std::move(state.touched);
  step_ = state.step;
}

void TrainedTable::start_at(std::span<const float> weights) {
  PALATE_CHECK(step_ == 0, "a start after the first step");
  set_weights(weights);
  if (!average_.empty()) average_ = weights_;
}

void TrainedTable::settle(std::span<const uint8_t> read) {
  PALATE_CHECK(read.size() == rows_, "what was read of every row");
  const auto readers = static_cast<double>(std::ranges::count(read, uint8_t{1}));
  if (readers == 0) return;
  if (read[0] == 0) {
    std::vector<double> sum(width_);
    for (size_t row = 1; row < rows_; ++row) {
      if (read[row] == 0) continue;
      for (size_t i = 0; i < width_; ++i) sum[i] += weights_[row * width_ + i];
    }
    for (size_t i = 0; i < width_; ++i) weights_[i] = static_cast<float>(sum[i] / readers);
  }
  for (size_t row = 1; row < rows_; ++row) {
    if (read[row] != 0) continue;
    std::copy_n(weights_.begin(), width_, weights_.begin() + static_cast<ptrdiff_t>(row * width_));
  }
}

void TrainedTable::set_weights(std::span<const float> weights) {
  PALATE_CHECK(weights.size() == weights_.size(), "weights of another table");
  std::ranges::copy(weights, weights_.begin());
}

}  // namespace palate
