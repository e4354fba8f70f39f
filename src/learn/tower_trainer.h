// Two towers in training (models/two_tower): a batch of users and items through both networks,
// sampled_softmax.h over their inner products, gradients back into networks and tables.
#pragma once

#include <cstdint>
#include <memory>

#include "artefact/artefact.h"
#include "base/result.h"
#include "base/threads.h"
#include "dataset/tower_examples.h"
#include "infer/trainable.h"
#include "learn/optimizer.h"
#include "learn/tower_batches.h"
#include "learn/trained_table.h"

namespace palate {

struct TowerOptions {
  TowerBatchOptions batches;
  double temperature = 1;
  bool normalize = false;  // vectors of length 1
  double id_dropout = 0;   // share of items that are seen as if they had no row of their own
  StepOptions dense, tables;
  TableOptions table;
  // A batch is worked on in so many parts, side by side. What comes out does not depend on threads.
  size_t parts = 4;
  uint64_t seed = 1;
};

struct TowerNetworks {
  TrainableNetwork user, item;
};

// The user's network has one dense field, the weighted mean of the vectors of a history's items,
// and one of ids, the profile; the item's has the fields of ids item, terms and subwords in this
// order, and perhaps a dense one, the given vector. Each has one output, and these are of one
// width.
class TowerTrainer {
 public:
  // Errors: kInvalidArgument for networks of other fields, and where no item is to be found:
  // nobody likes two, or says something of himself.
  static Result<TowerTrainer> create(TowerNetworks networks, const TowerExamples& examples,
                                     const TowerOptions& options, ThreadPool& pool);
  TowerTrainer(TowerTrainer&&) noexcept;
  ~TowerTrainer();

  // One pass over what is said of items, without anybody's likes: two texts of an item (or a text
  // and its terms) are to find each other among those of others. The mean loss; 0 where no item has
  // two. Before the first epoch().
  double text_epoch();
  // One pass over what users like. The mean loss; not finite where training diverges.
  double epoch();

  // Tensors of both networks by the names of their fields and ops. A row that no step has touched
  // is the table's first, which stands for what is not known; that one is zeros where none has.
  void write(ArtefactWriter& out) const;
  [[nodiscard]] size_t rows() const;  // that an epoch has

 private:
  struct State;
  explicit TowerTrainer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
