// Batches for two towers: which users, which items of theirs are to be found, which items are known
// of them, and which others they are found among. Pure functions of the examples, seed and number.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "dataset/tower_examples.h"

namespace palate {

struct TowerBatchOptions {
  size_t rows = 512;
  size_t negatives = 2048;     // items drawn at random beside, of those that somebody likes
  size_t history = 200;        // items of a user at most, the newest
  double history_dropout = 0;  // share of them that a row leaves out
  double half_life = 0;        // items after which one counts half; 0: all alike
  bool past_only = false;      // a row knows what came before its item; else all others
  uint64_t seed = 1;
};

struct TowerBatch {
  std::vector<uint32_t> users;
  std::vector<uint32_t> items;  // distinct: first the columns, then those that only histories have
  size_t columns = 0;
  std::vector<int64_t> targets;  // by row: its column
  // Histories of rows, one after the other: places in `items`, and weights that sum up to 1 a row.
  std::vector<int64_t> history, history_start{0};
  std::vector<float> weights;
  // Columns that are no negatives (sampled_softmax.h), ascending by row.
  std::vector<std::pair<uint32_t, uint32_t>> not_negative;
};

class TowerBatches {
 public:
  // `examples` must outlive it. An item is to be found where its user has another one or a profile.
  TowerBatches(const TowerExamples& examples, const TowerBatchOptions& options);

  [[nodiscard]] size_t rows() const { return rows_.size(); }
  [[nodiscard]] size_t batches() const { return (rows() + options_.rows - 1) / options_.rows; }
  // Shares of rows() by item.
  [[nodiscard]] std::span<const double> frequency() const { return frequency_; }
  [[nodiscard]] size_t liked_items() const { return liked_items_.size(); }
  // The next epoch's order.
  void shuffle(uint64_t epoch);
  TowerBatch batch(size_t number);

 private:
  struct Row {
    uint32_t user, place;  // the item's place among the user's
  };
  uint32_t place_of(uint32_t item, TowerBatch& batch);
  void add_history(const Row& row, uint64_t stream, TowerBatch& batch);
  void add_not_negative(const TowerBatch& batch, size_t row,
                        std::vector<std::pair<uint32_t, uint32_t>>& out) const;

  const TowerExamples& examples_;
  TowerBatchOptions options_;
  uint64_t epoch_ = 0;
  std::vector<Row> rows_;
  std::vector<double> frequency_;
  std::vector<uint32_t> liked_items_;
  std::vector<uint32_t> place_;  // by item: its place in the batch under way
};

}  // namespace palate
