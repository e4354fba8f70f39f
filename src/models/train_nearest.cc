// The neighbours of all items at once: G is symmetric, so what item i is to item j behind it is
// summed up once and shown to both.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "models/train_cooccurrence.h"

namespace palate {
namespace {

using Alike = std::pair<float, uint32_t>;  // how much, item

struct MoreAlike {
  bool operator()(const Alike& a, const Alike& b) const {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  }
};

// The k most alike of what an item was shown, whatever the order; a few more until shrink().
class MostAlike {
 public:
  // What is known before the first: less is not worth adding.
  void start(float least) { least_ = least; }
  // What one more is at least, to be among the k.
  [[nodiscard]] float least() const { return least_; }
  void add(const Alike& one, size_t k) {
    kept_.push_back(one);
    if (kept_.size() >= 2 * k + kRoom) shrink(k);
  }
  void shrink(size_t k) {
    if (kept_.size() <= k) return;
    std::nth_element(kept_.begin(), kept_.begin() + static_cast<ptrdiff_t>(k - 1), kept_.end(),
                     MoreAlike());
    kept_.resize(k);
    least_ = kept_.back().first;
  }
  std::vector<Alike>& kept() { return kept_; }

 private:
  static constexpr size_t kRoom = 32;
  float least_ = 0;
  std::vector<Alike> kept_;
};

class Neighbours {
 public:
  Neighbours(const Cooccurrence& pairs, const NearestItems& wanted, const Workers& workers)
      : pairs_(pairs),
        wanted_(wanted),
        workers_(workers),
        of_(pairs.items()),
        least_(pairs.items()),
        rows_(workers.pool->size()) {
    PALATE_CHECK(wanted.neighbours > 0, "an item has one neighbour at least");
  }

  Status find() {
    const auto block = [&](size_t number, size_t worker) {
      const size_t last = std::min((number + 1) * kBlockRows, of_.size());
      for (size_t item = number * kBlockRows; item < last; ++item) {
        show(static_cast<uint32_t>(item), rows_[worker]);
      }
    };
    return workers_.pool->for_blocks((of_.size() + kBlockRows - 1) / kBlockRows, block,
                                     workers_.stop);
  }

  // A row for the neighbours of each item, by item.
  Result<SparseMatrix> by_target() {
    return sparse_by_rows({of_.size(), of_.size()}, workers_,
                          [&](uint32_t item, size_t, const SparseRow& to) { write(item, to); });
  }

 private:
  static constexpr size_t kBlockRows = 64;

  // Shows the items behind it to the item, and the item to them.
  void show(uint32_t item, CooccurrenceRow& row) {
    pairs_.row(item, Cooccurrence::Part::kFromItself, row);
    const float own = factor(item);
    MostAlike best;
    best.start(least_[item].load(std::memory_order_relaxed));
    for (const uint32_t other : row.touched) {
      if (other == item) continue;
      const float mine = row.sum[other] * factor(other), its = row.sum[other] * own;
      if (mine > 0 && mine >= best.least()) best.add({mine, other}, wanted_.neighbours);
      if (its > 0 && its >= least_[other].load(std::memory_order_relaxed)) add(other, {its, item});
    }
    row.reset();
    for (const Alike& one : best.kept()) add(item, one);
  }
  [[nodiscard]] float factor(uint32_t item) const {
    return wanted_.other.empty() ? 1.0F : wanted_.other[item];
  }
  void add(uint32_t to, const Alike& one) {
    const std::scoped_lock lock(locks_[to % locks_.size()]);
    of_[to].add(one, wanted_.neighbours);
    least_[to].store(of_[to].least(), std::memory_order_relaxed);
  }
  void write(uint32_t item, const SparseRow& to) {
    of_[item].shrink(wanted_.neighbours);
    auto& kept = of_[item].kept();
    std::ranges::sort(kept, {}, &Alike::second);
    for (const auto& [alike, other] : kept) {
      const float like = wanted_.own.empty() ? alike : alike * wanted_.own[item];
      to.index->push_back(other);
      to.value->push_back(wanted_.contrast == 1 ? like : std::pow(like, wanted_.contrast));
    }
    kept = {};
  }

  const Cooccurrence& pairs_;
  const NearestItems& wanted_;
  const Workers& workers_;
  std::vector<MostAlike> of_;
  std::vector<std::atomic<float>> least_;  // MostAlike::least(), to be looked at without a lock
  std::array<std::mutex, 256> locks_;      // of items by their number
  std::vector<CooccurrenceRow> rows_;      // one a worker
};

}  // namespace

Result<SparseMatrix> nearest_items(const Cooccurrence& pairs, const NearestItems& wanted,
                                   const Workers& workers) {
  Neighbours neighbours(pairs, wanted, workers);
  TRY(neighbours.find());
  const SparseMatrix by_target = TRY(neighbours.by_target());
  return by_target.transposed();
}

}  // namespace palate
