// Matrix factorization of ratings, with biases: what the server runs. A rating is predicted as
//   mean + b_u + b_i + w_u · h_i
// averaged over the samples of the model (one for als and sgd, many for gibbs). The artefact holds
// what belongs to items; a user's part is solved from the ratings in the query's history.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct MfConfig {
  std::string solver = "gibbs";
  int factors = 12;
  int iterations = 40;
  int samples = 60;
  int profile = 20;
  double regularization = 0.05;
  double regularization_exponent = 1.0;
  double learning_rate = 0.02;
  double learning_rate_decay = 0.05;
  int time_bins = 0;
  double time_shrinkage = 25.0;
  double validation_share = 0.0;
  int patience = 3;
  std::string checkpoints;
  double checkpoint_cost = 0.05;

  static void fields(FieldVisitor<MfConfig>& field);
};

// Reads an artefact of kind "mf" and keeps it mapped. Errors: kCorrupt (names the tensor that does
// not fit).
Result<std::unique_ptr<Model>> load_mf(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
