#include <algorithm>
#include <numeric>
#include <utility>

#include "math/dense.h"
#include "models/ease/train_fit.h"

namespace palate {
namespace {

constexpr int kAttemptsMax = 64;

// Items are numbered by ascending frequency here. A row of the Gram matrix is kept from its
// diagonal on, so the rows of frequent items, which nearly all systems have, are short.
struct Renumbered {
  SparseMatrix matrix;
  std::vector<uint32_t> item_of;  // by new number
};

Renumbered by_frequency(SparseMatrix matrix) {
  const auto counts = entries_by_column(matrix);
  Renumbered out;
  out.item_of.resize(matrix.cols);
  std::iota(out.item_of.begin(), out.item_of.end(), 0U);
  std::ranges::stable_sort(out.item_of, {}, [&](uint32_t item) { return counts[item]; });
  std::vector<uint32_t> number_of(matrix.cols);
  for (uint32_t i = 0; i < matrix.cols; ++i) number_of[out.item_of[i]] = i;
  for (uint32_t& item : matrix.index) item = number_of[item];
  // Twice turned round, rows are in ascending order again.
  out.matrix = matrix.transposed().transposed();
  return out;
}

// What one worker needs.
struct Scratch {
  CooccurrenceRow row;
  std::vector<std::pair<float, uint32_t>> ranked;
  std::vector<int32_t> place;  // of an item in the system that is being put together, or -1
  FloatTable system, solution;
};

class NeighbourFit {
 public:
  NeighbourFit(Renumbered data, const EaseFitOptions& options)
      : options_(options),
        item_of_(std::move(data.item_of)),
        counts_(entries_by_column(data.matrix)),
        scale_(powers_of(counts_, -options.config.item_power)),
        target_(powers_of(counts_, options.config.target_power)),
        preference_(powers_of(counts_, -options.config.neighbour_power)),
        pairs_(std::move(data.matrix)),
        scratch_(options.pool->size()) {}

  Result<SparseMatrix> fit() {
    const size_t items = pairs_.items();
    gram_ = TRY(sparse_by_rows({items, items}, options_.workers(),
                               [&](uint32_t item, size_t worker, const SparseRow& to) {
                                 gram_row(item, scratch_[worker], to);
                               }));
    lambda_ = static_cast<float>(options_.config.regularization * mean_diagonal());
    auto by_target = TRY(sparse_by_rows({items, items}, options_.workers(),
                                        [&](uint32_t item, size_t worker, const SparseRow& to) {
                                          regress(item, scratch_[worker], to);
                                        }));
    gram_ = {};
    return as_they_were(std::move(by_target));
  }

 private:
  // From the diagonal on, scaled.
  void gram_row(uint32_t item, Scratch& scratch, const SparseRow& to) const {
    pairs_.row(item, Cooccurrence::Part::kFromItself, scratch.row);
    std::ranges::sort(scratch.row.touched);
    for (const uint32_t other : scratch.row.touched) {
      to.index->push_back(other);
      to.value->push_back(scratch.row.sum[other] * scale_[item] * scale_[other]);
    }
    scratch.row.reset();
  }

  [[nodiscard]] double mean_diagonal() const {
    double sum = 0, known = 0;
    for (uint32_t item = 0; item < gram_.rows; ++item) {
      if (gram_.start[item] == gram_.start[item + 1]) continue;
      sum += gram_.value[gram_.start[item]];
      ++known;
    }
    return known > 0 ? sum / known : 1.0;
  }

  // Those that `item` is predicted from, ascending, with the right-hand side of their system.
  void choose(uint32_t item, Scratch& scratch, const SparseRow& to) const {
    pairs_.row(item, Cooccurrence::Part::kWhole, scratch.row);
    scratch.ranked.clear();
    for (const uint32_t other : scratch.row.touched) {
      if (other == item) continue;
      scratch.ranked.emplace_back(-scratch.row.sum[other] * preference_[other], other);
    }
    const size_t kept =
        std::min(scratch.ranked.size(), static_cast<size_t>(options_.config.neighbours));
    const auto end = scratch.ranked.begin() + static_cast<ptrdiff_t>(kept);
    std::nth_element(scratch.ranked.begin(), end, scratch.ranked.end());
    std::sort(scratch.ranked.begin(), end,
              [](const auto& a, const auto& b) { return a.second < b.second; });
    for (auto at = scratch.ranked.begin(); at != end; ++at) {
      to.index->push_back(at->second);
      to.value->push_back(scratch.row.sum[at->second] * scale_[item] * scale_[at->second]);
    }
    scratch.row.reset();
  }

  void regress(uint32_t item, Scratch& scratch, const SparseRow& to) const {
    const size_t first = to.index->size();
    choose(item, scratch, to);
    const std::span<const uint32_t> chosen(to.index->data() + first, to.index->size() - first);
    if (chosen.empty()) return;
    const std::span<float> weights(to.value->data() + first, chosen.size());
    const size_t dim = padded(chosen.size());
    bool solved = false;
    float lambda = lambda_;
    // A system that rounding has made indefinite is regularized more.
    for (int attempt = 0; !solved && attempt < kAttemptsMax; ++attempt, lambda *= 2) {
      put_together(chosen, lambda, scratch);
      scratch.solution.assign(dim, 0.0F);
      std::ranges::copy(weights, scratch.solution.begin());
      solved = cholesky_solve(scratch.system.data(), scratch.solution.data(), dim);
    }
    if (!solved) scratch.solution.assign(dim, 0.0F);
    for (size_t i = 0; i < chosen.size(); ++i) {
      weights[i] = scratch.solution[i] * scale_[chosen[i]] * target_[item];
    }
  }

  // The Gram matrix of the chosen ones, upper triangle, and lambda on its diagonal.
  void put_together(std::span<const uint32_t> chosen, float lambda, Scratch& scratch) const {
    const size_t dim = padded(chosen.size());
    scratch.system.assign(dim * dim, 0.0F);
    scratch.place.resize(gram_.rows, -1);
    for (size_t i = 0; i < chosen.size(); ++i) scratch.place[chosen[i]] = static_cast<int32_t>(i);
    for (size_t i = 0; i < dim; ++i) {
      float* row = scratch.system.data() + i * dim;
      row[i] = 1;
      if (i >= chosen.size()) continue;
      for (uint64_t e = gram_.start[chosen[i]]; e < gram_.start[chosen[i] + 1]; ++e) {
        const int32_t column = scratch.place[gram_.index[e]];
        if (column >= 0) row[column] = gram_.value[e];
      }
      row[i] += lambda;
    }
    for (const uint32_t item : chosen) scratch.place[item] = -1;
  }

  // By item of the past, under the old numbers.
  [[nodiscard]] SparseMatrix as_they_were(SparseMatrix by_target) const {
    for (uint32_t& item : by_target.index) item = item_of_[item];
    SparseMatrix by_past = by_target.transposed();
    by_target = {};
    for (uint32_t& item : by_past.index) item = item_of_[item];
    return by_past.transposed().transposed();
  }

  const EaseFitOptions& options_;
  std::vector<uint32_t> item_of_, counts_;
  std::vector<float> scale_, target_, preference_;
  Cooccurrence pairs_;
  std::vector<Scratch> scratch_;
  SparseMatrix gram_;
  float lambda_ = 0;
};

}  // namespace

Result<SparseMatrix> ease_fit_neighbours(SparseMatrix matrix, const EaseFitOptions& options) {
  if (matrix.index.empty()) {
    return fail(Code::kInvalidArgument, "ease needs at least one positive interaction");
  }
  const EaseConfig& config = options.config;
  weigh_entries(matrix, {.user_power = config.user_power, .value_power = config.value_power});
  return NeighbourFit(by_frequency(std::move(matrix)), options).fit();
}

}  // namespace palate
