// One network in training: parameters, tables, what the optimizer and the average remember. A step
// takes a batch of examples; fit.h decides how many, and when it is enough.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "artefact/artefact.h"
#include "base/result.h"
#include "base/threads.h"
#include "dataset/example_batches.h"
#include "infer/trainable.h"
#include "learn/losses.h"
#include "learn/optimizer.h"
#include "learn/torch_network.h"
#include "learn/trained_table.h"

namespace palate {

// How the losses of several outputs become one. kFixed: by their weights. kUncertainty: by weights
// that are learnt beside (Kendall, Gal and Cipolla 2018, section 3.2). kPcgrad: by their weights,
// where gradients do not conflict (gradient_surgery.h).
enum class Balance : uint8_t { kFixed, kUncertainty, kPcgrad };

// A penalty on what groups are promised differently, of every output that is a probability
// (losses.h). `column` has the group's id; with a weight of 0 the difference is only told.
struct GroupPenalty {
  std::string column;
  double weight = 0;
};

struct TrainerOptions {
  std::vector<Task> tasks;  // one per output
  Balance balance = Balance::kFixed;
  GroupPenalty groups = {};
  StepOptions dense, tables;
  TableOptions table;  // `average` is of all parameters
  // A batch is worked on in so many parts, side by side; batch norms see a part each (Hoffer,
  // Hubara and Soudry 2017). What comes out depends on it, and not on the number of threads.
  size_t parts = 1;
  bool bf16 = false;     // TorchNetwork::use_bf16()
  double clip_norm = 0;  // of the dense parameters' gradient; 0: as it is
  uint64_t seed = 1;
};

class Trainer {
 public:
  // Errors: kInvalidArgument where the network reads a column or label that the examples lack, or
  // one of another shape. A field "item:linear" reads the column "item".
  static Result<Trainer> create(TrainableNetwork plan, const ExampleSchema& schema,
                                TrainerOptions options, ThreadPool& pool);
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;
  ~Trainer();

  // Learns mean and scale of every dense field, and of labels that are quantities. Before the first
  // step.
  void learn_scales(std::span<const Examples> examples);
  // Goes on from a written network of other numbers: takes over its tables, dense parameters,
  // scales and units, in place of learn_scales(); optimizers begin anew. Before the first step.
  // Errors: kConflict with what differs for another network, or one that says too little to go on;
  // kCorrupt.
  Status start_from(const Artefact& network);
  // One step on the batch, with rates times `rate`. The mean weighted loss before it; not finite
  // where training diverges.
  double step(const ExampleBatch& batch, double rate);
  // What each output computes for all rows, before link and calibration; from averages where kept.
  [[nodiscard]] std::vector<std::vector<double>> predict(const Examples& examples) const;

  // The numbers that predict() uses now.
  struct Snapshot;
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
  // Returns to them, for good: predict() and write() use these, and no step may follow.
  void finish(const Snapshot& snapshot);
  // Rows of tables that no example reads become what is not known: row 0, or if that is not read
  // either, the mean of all rows that are, in it, too. After finish(); nothing after start_from(),
  // where a row that is not read now may have been before.
  void settle_unread(std::span<const Examples> training);

  [[nodiscard]] int64_t steps() const;
  // Everything that goes on training, and a snapshot beside it (nullptr: none), for a checkpoint;
  // resuming gives the same bits. resume() gives the snapshot back. Errors: kInvalidArgument for a
  // checkpoint of another network or seed, kCorrupt.
  void save(ArtefactWriter& out, const Snapshot* beside) const;
  Result<std::shared_ptr<const Snapshot>> resume(const Artefact& artefact);
  // The network's tensors: tables, scales, weights (docs/formats/network.md).
  void write(ArtefactWriter& out) const;
  [[nodiscard]] const NetworkSpec& spec() const;
  // The spec's outputs with what was learnt of them: thresholds, and the unit of a quantity.
  [[nodiscard]] std::vector<Output> outputs() const;
  [[nodiscard]] std::span<const LabelScale> label_scales() const;
  // The column of groups, where there is a penalty.
  [[nodiscard]] const std::string& group_column() const;
  [[nodiscard]] const std::vector<Task>& tasks() const;
  [[nodiscard]] TorchNetwork& network();

  struct State;

 private:
  explicit Trainer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
