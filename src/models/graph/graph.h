// Spectral graph filter over the graph of users and items: a linear filter (what is two steps away)
// plus an ideal low-pass filter (Shen et al., "How Powerful is Graph Convolution for
// Recommendation?", CIKM 2021, section 4.3). What the server runs is models/item_weights.h.
#pragma once

#include <memory>
#include <string>

#include "artefact/artefact.h"
#include "base/config.h"
#include "base/result.h"
#include "models/model.h"

namespace palate {

struct GraphConfig {
  std::string filter = "low_pass";
  int factors = 256;
  double low_pass = 0.5;
  int neighbours = 400;
  double user_power = 0.5;
  double item_power = 0.6;
  double target_power = 0.3;
  int iterations = 4;
  double sharpening = 2.5;
  int layers = 2;
  double value_power = 0.0;

  static void fields(FieldVisitor<GraphConfig>& field);
};

Result<std::unique_ptr<Model>> load_graph(std::shared_ptr<const Artefact> artefact);

}  // namespace palate
