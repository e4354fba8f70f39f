// A table of embeddings that is trained outside of autograd: rows are gathered into a batch's
// matrix, and the gradient of that matrix is folded back into the rows that were touched. Only
// those are read and written, whatever the table's size.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/threads.h"
#include "infer/network_spec.h"
#include "learn/optimizer.h"

namespace palate {

// The ids of a batch: one a row, or (`start` of rows + 1) any number, pooled.
struct BatchIds {
  std::span<const uint32_t> values;
  std::span<const uint32_t> start;
  size_t rows = 0;
};

struct TableOptions {
  double sigma = 0.01;     // of the first values
  double average = 0;      // decay of the exponential moving average; 0: none is kept
  bool decay_all = false;  // l2 pulls at all rows in each step, not only at those touched
};

class TrainedTable {
 public:
  TrainedTable(const SparseField& field, const TableOptions& options, uint64_t seed);

  [[nodiscard]] size_t rows() const { return rows_; }
  [[nodiscard]] size_t width() const { return width_; }
  // out: [ids.rows × width()]; rows without ids are zeros. From the average where `averaged`.
  void gather(const BatchIds& ids, std::span<float> out, bool averaged, ThreadPool& pool) const;
  // A block of it, one of gather_blocks(ids): for loops over the blocks of many tables.
  void gather_block(const BatchIds& ids, std::span<float> out, bool averaged, size_t block) const;
  static size_t gather_blocks(const BatchIds& ids);
  // gradients: [ids.rows × width()], of what gather() gave. One step on every row touched; sums are
  // in the order of the batch, so threads change nothing.
  void update(const BatchIds& ids, std::span<const float> gradients, const StepOptions& options,
              ThreadPool& pool);

  // The same in parts, for loops over those of many tables: start_update(), then each part once, on
  // any thread. The gradients come as runs of the batch's rows, and must live until the end.
  static constexpr size_t kUpdateParts = 16;  // rows of the table, by their number modulo this
  struct Use {
    uint32_t row, by;  // of the table, of the batch
    float share;
    const float* gradient;
  };
  struct Update {
    Stepper stepper;
    std::vector<Use> uses;                            // by part
    std::array<size_t, kUpdateParts + 1> begin = {};  // of each part, and the end
  };
  [[nodiscard]] Update start_update(const BatchIds& ids,
                                    std::span<const std::span<const float>> gradients,
                                    const StepOptions& options);
  void update_part(Update& update, size_t part);
  // The weights, or their average: [rows() × width()]. The average is brought up to the last step.
  [[nodiscard]] std::span<const float> weights() const { return weights_; }
  [[nodiscard]] std::vector<float> averaged() const;

  // Everything that goes on training: for checkpoints.
  struct State {
    std::vector<float> weights, first, second, average;
    std::vector<uint32_t> touched;  // the step that touched a row last
    int64_t step = 0;
  };
  [[nodiscard]] State state() const;
  void restore(State state);  // of a table of this shape
  void set_weights(std::span<const float> weights);
  // Before the first step: weights, and their average, that are not drawn.
  void start_at(std::span<const float> weights);
  // Rows that were not read, of which row 0 may be one, become row 0, which is the mean of those
  // that were if it was not; nothing where all were, or none. `read`: one a row.
  void settle(std::span<const uint8_t> read);

 private:
  void step_row(size_t row, std::span<const float> gradient, const Stepper& stepper);
  void catch_up(size_t row, int64_t step);
  [[nodiscard]] float kept(size_t row, int64_t step) const;

  size_t rows_, width_;
  Pooling pooling_;
  TableOptions options_;
  std::vector<float> weights_, first_, second_, average_;
  std::vector<uint32_t> touched_;
  int64_t step_ = 0;
};

}  // namespace palate
