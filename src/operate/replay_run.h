// A replay end to end: models trained again and again as the days of the log go by, each day served
// by the newest (evaluate/replay.h). The report stays under <tenant>/evaluations/<number>/, the
// models do not.
#pragma once

#include <string>
#include <vector>

#include "evaluate/replay_report.h"
#include "operate/training.h"

namespace palate {

struct ReplayRunOptions {
  std::vector<std::string> kinds;  // the first is what the others are compared with
  ReplayOptions replay;            // limits.types is the training room's
  bool keep = true;                // false: nothing of it stays on disk
};

struct ReplayOutcome {
  Path directory;  // empty where nothing was kept
  ReplayReport report;
};

// Errors: kUnavailable without interactions, kInvalidArgument as replay_steps() or where nobody
// liked anything new in the steps, kInternal when a model has seen what came later.
Result<ReplayOutcome> run_replay(const TrainingRoom& room, const ReplayRunOptions& options);

}  // namespace palate
