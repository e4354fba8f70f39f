// One pass of some queries over ScreenedRows; private to it.
//
// Each query keeps candidates: items with what their score is at least and at most. The k-th
// largest "at least" is the threshold: what is below it at most is out. Candidates are appended
// unsorted and cut down when there are some times k, which costs less than a heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/screened_rows.h"

namespace palate {

// Of rounding values of at most `largest` to codes of at most `code_max`.
float step_of(float largest, int code_max);

class ScreenedScan {
 public:
  struct Candidate {
    float at_least, at_most;
    uint32_t item;
  };

  struct State {
    size_t query = 0;  // of the call
    int8_t* codes = nullptr;
    float step = 0;
    double length = 0;     // ‖q‖
    double lost = 0;       // ‖q − q̂‖
    double offset = 0;     // what the items' 128 adds to a sum
    double threshold = 0;  // no item below it is among the k best
    // Of the block in work: a score is `base` plus `unit` a sum's whole, off by `bound` at most.
    double base = 0, unit = 0, bound = 0;
    size_t room = 0;  // candidates before they are cut down
    bool given_up = false;
    std::vector<Candidate> candidates;
  };

  // What the best of a block's rows likely score.
  struct Promise {
    float score;
    uint32_t block;
    bool operator<(const Promise& other) const {
      return score != other.score ? score < other.score : block > other.block;
    }
  };

  // Memory of a thread, for its next call.
  struct Scratch {
    std::vector<State> states;
    std::vector<State*> active, group;
    std::vector<int8_t> codes;
    std::vector<uint32_t> items;
    std::vector<float> scores;
    std::vector<float> vectors, expected;
    std::vector<Promise> promises;
  };

  ScreenedScan(const ScreenedRows& rows, std::span<const PanelQuery> queries, Scratch& scratch);
  void run(ScanCounts& counts);
  void run_nearly(ScanCounts& counts);
  [[nodiscard]] const std::vector<size_t>& left() const { return left_; }

 private:
  bool prepare(size_t query, State& state);
  void finish(std::span<State* const> all, ScanCounts& counts);
  void expect();
  void make_promises(std::span<const float> expected);
  void scan_promising(State& state, ScanCounts& counts);
  [[nodiscard]] double reach(const State& state, const ScreenedRows::Block& block) const;
  void scan_block(size_t block, std::span<State* const> group);
  void set_bound(State& state, const ScreenedRows::Block& block) const;
  [[nodiscard]] static int32_t limit(const State& state);
  static void report(void* to, ScreenTile& tile, const ScreenHits& hits);
  void take(State& state, const ScreenHits& hits);
  void cut_down(State& state) const;
  void rescore(State& state, ScanCounts& counts);
  void score(std::span<const Candidate> candidates, size_t query, ScanCounts& counts);

  const ScreenedRows& rows_;
  std::span<const PanelQuery> queries_;
  Scratch& scratch_;
  std::vector<size_t> left_;
  // Of the block and group in work.
  const ScreenedRows::Block* block_ = nullptr;
  std::span<State* const> group_;
};

}  // namespace palate
