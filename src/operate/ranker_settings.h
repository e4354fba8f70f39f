// What a ranker is trained by: [examples], [ranker], [training], [trees].
#pragma once

#include "base/config.h"
#include "dataset/examples_config.h"
#include "models/gbdt/train_config.h"
#include "models/ranker/fit_config.h"
#include "models/ranker/ranker_network.h"

namespace palate {

struct RankerSettings {
  ExamplesConfig examples;
  RankerConfig network;
  TrainingConfig training;
  TreesConfig trees;
  void add_to(ConfigSchema& schema);
};

}  // namespace palate
