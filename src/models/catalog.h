// The catalogue of models, scoring side: one line a model in catalog.cc. No registration by static
// initializers.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/als/als.h"
#include "models/blend/blend.h"
#include "models/content/content.h"
#include "models/demographic/demographic.h"
#include "models/ease/ease.h"
#include "models/graph/graph.h"
#include "models/item_knn/item_knn.h"
#include "models/mf/mf.h"
#include "models/model.h"
#include "models/popularity/popularity.h"
#include "models/trending/trending.h"
#include "models/two_tower/two_tower.h"
#include "models/user_knn/user_knn.h"

namespace palate {

// The config sections of all models, [als], [popularity], …
struct ModelConfigs {
  AlsConfig als;
  EaseConfig ease;
  ItemKnnConfig item_knn;
  GraphConfig graph;
  BlendConfig blend;
  MfConfig mf;
  TwoTowerConfig two_tower;
  PopularityConfig popularity;
  ContentConfig content;
  DemographicConfig demographic;
  TrendingConfig trending;
  UserKnnConfig user_knn;
  void add_to(ConfigSchema& schema);
};

struct ModelEntry {
  std::string_view kind;
  std::string_view sentence;
  Result<std::unique_ptr<Model>> (*load)(std::shared_ptr<const Artefact> artefact);
};

std::span<const ModelEntry> model_catalogue();
// Loads by the manifest's kind. Errors: kUnsupportedVersion for an unknown kind, kCorrupt.
Result<std::unique_ptr<Model>> load_model(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
