// A backtest: models trained on one part of a chronological split and measured on the other, by the
// full catalogue. What it made stays under <tenant>/evaluations/<number>/: one artefact a model,
// report.md and report.json beside them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataset/split.h"
#include "evaluate/evaluate.h"
#include "evaluate/report.h"
#include "operate/training.h"

namespace palate {

struct BacktestOptions {
  std::vector<std::string> kinds = {"popularity",
                                    "als"};  // the first is what the others are compared with
  std::optional<SplitKind> split;            // nullopt: what the data's times allow
  double test_share = 0.1;
  EvaluateOptions evaluate;
};

struct BacktestOutcome {
  Path directory;
  Comparison comparison;
};

// Errors: kUnavailable without interactions, kInvalidArgument for a split that the times do not
// allow, kInternal when a model has seen a test row.
Result<BacktestOutcome> backtest(const TrainingRoom& room, const BacktestOptions& options);

}  // namespace palate
