// One answer, whichever way it is asked for: the steps in their order, and its decision, where that
// is logged (recommend/decision.h).
#pragma once

#include <functional>

#include "base/result.h"
#include "recommend/draft.h"

namespace palate {

// Memory of the calling thread.
Workspace& workspace_of_thread();

// Gives the answer its id, and draws whether it is logged.
void begin(Draft& draft);
// Steps [first, end), the last where `end` is 0; `rank`, where it is given, in place of the step of
// that name.
struct StepRange {
  size_t first = 0, end = 0;
  std::function<Status(Draft&)> rank = {};
};
Status run_steps(Draft& draft, const StepRange& range = {});
// Logs the decision, and gives what was asked for.
Slate finish(Draft& draft);

// The ways to ask, as Recommender has them.
Result<Slate> recommend(const LoadedRelease& loaded, const RecommendRequest& asked,
                        const AnswerAgain& again = {});
Result<Slate> similar(const LoadedRelease& loaded, const SimilarRequest& asked,
                      const AnswerAgain& again = {});
Result<RankedCandidates> rank(const LoadedRelease& loaded, const RankRequest& asked,
                              const AnswerAgain& again = {});
Result<Slate> onboarding(const LoadedRelease& loaded, const OnboardingRequest& asked,
                         const AnswerAgain& again = {});

}  // namespace palate
