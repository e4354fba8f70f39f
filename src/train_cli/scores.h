// What a written model, a network or trees, says of examples, and how good that is.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/file.h"
#include "base/result.h"
#include "dataset/examples.h"
#include "infer/network.h"

namespace palate {

struct LabelScores {
  std::string label;
  bool probability = true;     // else only its order says something …
  bool quantity = false;       // … or it is meant to be the label, in its unit
  std::string group;           // the column of ids within which it orders; empty: none
  std::vector<double> scores;  // a number a row
};

// One per output, in the precision in which the network was loaded. Errors: kInvalidArgument where
// the examples lack a column that the network reads.
Result<std::vector<LabelScores>> score_examples(const Network& network, const Examples& examples);
// What the layers of `narrow` lose on the first examples, some thousands of them (network.h).
Result<std::vector<Network::LayerError>> layer_errors(const Network& exact, const Network& narrow,
                                                      const Examples& examples);

// One per output of the model, by the engine that serves. Errors: those of loading;
// kInvalidArgument where the examples lack a column that the model reads.
Result<std::vector<LabelScores>> score_examples(const Path& model, const Examples& examples);

// Rows whose label is known.
struct KnownRows {
  std::vector<double> scores;
  std::vector<uint8_t> happened;  // labels above one half
  std::vector<float> labels, weights;
  std::vector<uint64_t> groups;  // empty without
};
// Errors: kInvalidArgument where the examples lack the group. Empty where they lack the label.
Result<KnownRows> known_rows(const LabelScores& of, const Examples& examples);

// AUC, and of probabilities log loss and calibration error, of an order NDCG@10 over groups; of
// quantities and levels the root of the mean square of what is off.
nlohmann::json quality_of(const LabelScores& of, const KnownRows& rows);

}  // namespace palate
