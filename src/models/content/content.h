// Items by what is written about them: TF-IDF over titles, tags, categories and creators, and a
// given embedding where items have one. Knows items that nobody has had yet. What the server runs
// is models/item_weights.h.
#pragma once

#include <memory>
#include <string>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct ContentConfig {
  double title_weight = 1.0;
  double tag_weight = 1.0;
  double category_weight = 1.0;
  double creator_weight = 1.0;
  std::string vector = "";
  double vector_weight = 1.0;
  double rarity_power = 1.0;
  double common_share = 0.5;
  int neighbours = 400;
  double contrast = 1.0;
  double popularity_power = 0.0;

  static void fields(FieldVisitor<ContentConfig>& field);
};

Result<std::unique_ptr<Model>> load_content(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
