// Item-based nearest neighbours: an item is recommended for what it has in common with the items of
// a history. What the server runs is models/item_weights.h.
#pragma once

#include <memory>
#include <string>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct ItemKnnConfig {
  std::string similarity = "paths";
  int neighbours = 400;
  double user_power = 0.5;
  double item_power = 0.63;
  double target_power = 0.3;
  double contrast = 1.25;
  double value_power = 0.0;

  static void fields(FieldVisitor<ItemKnnConfig>& field);
};

Result<std::unique_ptr<Model>> load_item_knn(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
