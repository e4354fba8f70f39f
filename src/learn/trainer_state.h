// What a Trainer holds, and how it is looked at while predicting.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "learn/trainer.h"

namespace palate {

// A batch by column of the schema.
struct BatchColumns {
  explicit BatchColumns(const ExampleBatch& from) : batch(from), rows(from.rows) {}
  [[nodiscard]] BatchIds ids(size_t column) const {
    return {batch.ids[column], batch.starts[column], rows};
  }
  // What a field reads of the column: of a sequence each id is a row of its own.
  [[nodiscard]] BatchIds ids(size_t column, Pooling pooling) const {
    if (pooling != Pooling::kSequence) return ids(column);
    return {batch.ids[column], {}, batch.ids[column].size()};
  }
  [[nodiscard]] std::span<const float> numbers(size_t column) const {
    return batch.numbers[column];
  }
  const ExampleBatch& batch;
  size_t rows;
};

// Tensors of a written network that only training reads.
inline constexpr std::string_view kTrainedParameters = "training.parameters";
inline constexpr std::string_view kTrainedStatistics = "training.statistics";

// Dense parameters and tables as predict() and write() see them.
struct Trainer::Snapshot {
  at::Tensor flat, statistics;
  std::vector<std::vector<float>> tables;
};

struct Trainer::State {
  struct Scale {
    at::Tensor mean, scale;  // [width]
  };
  State(TrainableNetwork plan, TrainerOptions with, ThreadPool& on)
      : options(std::move(with)), network(std::move(plan), options.seed), pool(&on) {}

  TrainerOptions options;
  TorchNetwork network;
  std::vector<TorchNetwork> replicas;  // of all parts of a batch but the first
  ThreadPool* pool;
  std::vector<TrainedTable> tables;                            // one per sparse field
  std::vector<Scale> scales;                                   // one per dense field
  std::vector<size_t> id_column, number_column, label_column;  // of the examples' schema
  size_t group_column = 0;                                     // likewise, with a penalty
  std::vector<LabelScale> label_scales;                        // one per output
  at::Tensor first, second;                                    // of the dense parameters' optimizer
  at::Tensor average, average_statistics;                      // defined where an average is kept
  int64_t steps = 0;
  bool finished = false, started = false;  // started: start_from()

  [[nodiscard]] bool averages() const { return options.table.average > 0 && !finished; }
  TorchNetwork::Input input(const BatchColumns& batch, bool averaged);
  [[nodiscard]] BatchIds ids_of(const BatchColumns& batch, size_t field) const {
    return batch.ids(id_column[field], network.spec().sparse[field].pooling);
  }
  // A gradient of one task: dense parameters, and what was gathered of each table (undefined: 0).
  struct TaskGradient {
    at::Tensor dense;
    std::vector<at::Tensor> embedded;
  };
  // The gradient of a batch's rows [begin, end): into `on`, and into those of `input`.
  struct Part {
    size_t begin = 0, end = 0;
    TorchNetwork* on = nullptr;
    TorchNetwork::Input input = {};
    double loss = 0;
    std::vector<TaskGradient> tasks = {};  // with kPcgrad
  };
  std::vector<Part> parts_of(const TorchNetwork::Input& input, size_t rows);
  // weights: what each task's sum is divided by.
  void differentiate(Part& part, const ExampleBatch& batch, std::span<const double> weights) const;
  std::vector<at::Tensor> losses_of(const Part& part, const ExampleBatch& batch,
                                    std::span<const double> weights) const;
  void differentiate_apart(Part& part, const std::vector<at::Tensor>& losses) const;
  void balance_gradients(std::vector<Part>& parts) const;
  void gather_gradients(const std::vector<Part>& parts);
  void step_dense(double rate);
  void step_tables(const BatchColumns& columns, const std::vector<Part>& parts, double rate);
  void learn_label_scale(size_t output, std::span<const Examples> examples);
};

// While it lives, the dense parameters are those that are served: the averages where they are kept.
class ServedParameters {
 public:
  explicit ServedParameters(Trainer::State& state);
  ~ServedParameters();
  ServedParameters(const ServedParameters&) = delete;
  ServedParameters& operator=(const ServedParameters&) = delete;

 private:
  Trainer::State& state_;
  at::Tensor flat_, statistics_;  // what was there; undefined: nothing was changed
};

}  // namespace palate
