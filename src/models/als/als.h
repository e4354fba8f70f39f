// Implicit alternating least squares: what the server runs (Hu, Koren, Volinsky, "Collaborative
// Filtering for Implicit Feedback Datasets", ICDM 2008). The artefact holds item vectors only; a
// user's vector is solved from the history of the query, so what a user just did is in the answer
// and nothing personal is in the artefact.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct AlsConfig {
  int factors = 64;
  int iterations = 15;
  double alpha = 30.0;
  double regularization = 3.0;
  double regularization_exponent = 0.0;
  std::string solver = "cg";
  int cg_steps = 3;
  int block = 64;
  bool warm_start = false;
  int warm_iterations = 3;
  int64_t nearly_from = 0;
  std::string checkpoints;
  double checkpoint_cost = 0.05;

  static void fields(FieldVisitor<AlsConfig>& field);
};

// Reads an artefact of kind "als" and keeps it mapped. Errors: kCorrupt (names the tensor that does
// not fit), kUnsupportedVersion.
Result<std::unique_ptr<Model>> load_als(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
