// Two towers: a network makes a vector of a user, another one of an item, and their inner product
// is the score (Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
// Recommendations", RecSys 2019). The artefact holds item vectors and both networks, which room
// infer runs: a user's vector is made from the history and profile of the query, and that of an
// item that came after training from what is said of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct TwoTowerConfig {
  int width = 64;
  int hidden = 128;
  int item_hidden = 0;
  bool normalize = true;
  double temperature = 0.1;
  int epochs = 20;
  int batch = 512;
  int negatives = 2048;
  double learning_rate = 1e-3;
  double table_learning_rate = 0.05;
  double l2 = 0.0;
  double id_dropout = 0.2;
  double history_dropout = 0.3;
  int history = 200;
  double half_life_items = 0;
  bool past_only = false;
  int term_rows = 1 << 15;
  int subword_rows = 1 << 16;
  int text_epochs = 5;
  std::string vector = "";
  int users_min = 5;
  int64_t nearly_from = 0;

  static void fields(FieldVisitor<TwoTowerConfig>& field);
};

// Reads an artefact of kind "two_tower" and keeps it mapped. Errors: kCorrupt (names the tensor
// that does not fit), kUnsupportedVersion.
Result<std::unique_ptr<Model>> load_two_tower(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
