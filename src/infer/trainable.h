// A network with what only training knows of it, which the engine never sees: models write it down,
// room learn trains it.
#pragma once

#include <string_view>
#include <vector>

#include "infer/network_spec.h"

namespace palate {

// Of one op; the served network has no trace of it.
struct OpTraining {
  // Normalizes W x + b over the batch, before the activation (Ioffe and Szegedy 2015); folded into
  // the weights when the network is written. kLinear only.
  bool batch_norm = false;
  float dropout =
      0;  // share of the op's results that are zeroed while training, the rest scaled up
};

struct TrainableNetwork {
  NetworkSpec spec;
  std::vector<OpTraining> training;  // one per op of the spec
  bool uncertainty = false;          // whether the outputs' losses have learnt weights
};

// Whose ids a field reads: "item:linear" is a table of its own over the column "item".
constexpr std::string_view column_of(std::string_view field) {
  return field.substr(0, field.find(':'));
}

}  // namespace palate
