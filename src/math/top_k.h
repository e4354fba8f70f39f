// The k best of a stream of scores. Order everywhere in Palate: higher score first, ties by
// ascending item. NaN is never kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace palate {

struct ScoredIndex {
  float score = 0;
  uint32_t index = 0;
  bool operator==(const ScoredIndex&) const = default;
};

constexpr bool better(const ScoredIndex& a, const ScoredIndex& b) {
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}

// A heap with the worst kept one on top. Not thread-safe.
class TopK {
 public:
  explicit TopK(size_t k) : k_(k) { heap_.reserve(k); }

  [[nodiscard]] size_t k() const { return k_; }

  // Below or at this score an index larger than all pushed so far cannot enter: a stream in
  // ascending order of index may skip `score <= threshold()`. Starts at -infinity.
  [[nodiscard]] float threshold() const {
    if (k_ == 0) return std::numeric_limits<float>::infinity();
    return heap_.size() < k_ ? -std::numeric_limits<float>::infinity() : heap_.front().score;
  }

  void push(float score, uint32_t index) {
    const ScoredIndex entry{score, index};
    if (k_ == 0 || score != score) return;
    if (heap_.size() < k_) {
      heap_.push_back(entry);
      std::push_heap(heap_.begin(), heap_.end(), better);
    } else if (better(entry, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.back() = entry;
      std::push_heap(heap_.begin(), heap_.end(), better);
    }
  }

  // Best first. Leaves this empty.
  std::vector<ScoredIndex> take() {
    std::sort(heap_.begin(), heap_.end(), better);  // half the time of std::sort_heap
    return std::move(heap_);
  }

 private:
  size_t k_;
  std::vector<ScoredIndex> heap_;
};

}  // namespace palate
