// A backtest: models trained on one part of a chronological split and measured on the other, by the
// full catalogue. What it made stays under <tenant>/evaluations/<number>/: one artefact a model,
// report.md and report.json beside them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataset/file_split.h"
#include "dataset/split.h"
#include "evaluate/evaluate.h"
#include "evaluate/report.h"
#include "operate/training.h"

namespace palate {

struct BacktestOptions {
  std::vector<std::string> kinds = {"popularity",
                                    "als"};  // the first is what the others are compared with
  std::optional<SplitKind> split;            // nullopt: what the data's times allow
  // Goes before `split`: what is test comes from a file. Types and hash are the training room's.
  std::optional<TestFile> test_file;
  double test_share = 0.1;
  // Above 0: the training part is split once more, this share of it is measured on, and the test
  // part takes no part in anything: what settings are chosen on.
  double validation_share = 0;
  // Above 0: users in so many groups, each asked of a model trained on the others.
  size_t folds = 0;
  // Above 1: models are trained so often, with seeds that count up, on the same split; intervals
  // and comparisons are of the first, Report::seeds says how far they lie apart.
  size_t seeds = 1;
  bool keep = true;  // false: nothing of it stays on disk
  EvaluateOptions evaluate;
};

struct BacktestOutcome {
  Path directory;  // empty where nothing was kept
  Comparison comparison;
};

// Errors: kUnavailable without interactions, kInvalidArgument for a split that the times do not
// allow, kInternal when a model has seen a test row.
Result<BacktestOutcome> backtest(const TrainingRoom& room, const BacktestOptions& options);

}  // namespace palate
