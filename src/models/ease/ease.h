// Linear autoencoders with a closed form: every item is predicted by ridge regression from the
// other items of a history (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW
// 2019), users and items weighted by how often they occur. Small catalogues are solved exactly, by
// one inverse; large ones item by item over its neighbours. What the server runs is
// models/item_weights.h.
#pragma once

#include <memory>
#include <string>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct EaseConfig {
  std::string solver = "neighbours";
  double regularization = 5.0;
  double user_power = 0.4;
  double item_power = 0.15;
  double target_power = 0.1;
  int neighbours = 100;
  double neighbour_power = 0.55;
  double value_power = 0.0;

  static void fields(FieldVisitor<EaseConfig>& field);
};

Result<std::unique_ptr<Model>> load_ease(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
