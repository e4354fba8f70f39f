// Metrics of parts of the users, and of the items that would have been right.
#pragma once

#include "evaluate/evaluate.h"
#include "evaluate/ranking_run.h"
#include "evaluate/test_set.h"

namespace palate {

// By how much users did in training (quarters of them), by `job.user_groups`, and how much of what
// would have been right is found among popular items (which a fifth of training rows falls on), in
// the middle, and among the least popular, on which a fifth falls, too.
std::vector<Breakdown> break_down(const EvaluateJob& job, const TestSet& set,
                                  const RankingRun& run);

}  // namespace palate
