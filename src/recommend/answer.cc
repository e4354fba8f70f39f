#include "recommend/answer.h"

#include <chrono>

#include "recommend/request_id.h"
#include "recommend/steps.h"

namespace palate {

Workspace& workspace_of_thread() {
  thread_local Workspace work;
  return work;
}

void begin(Draft& draft) {
  if (draft.again.past != nullptr) {
    draft.slate.request_id = draft.again.past->request_id;
    draft.logged = true;
    return;
  }
  draft.slate.request_id = new_request_id();
  const DecisionSink* sink = draft.loaded.decisions;
  draft.logged = sink != nullptr && is_drawn(draft.slate.request_id, sink->config.share);
  if (draft.logged) draft.keep = static_cast<size_t>(sink->config.candidates);
}

Status run_steps(Draft& draft, const StepRange& range) {
  using Clock = std::chrono::steady_clock;
  const auto steps = request_steps();
  const size_t end = range.end == 0 ? steps.size() : range.end;
  auto begin = Clock::now();
  for (size_t i = range.first; i < end; ++i) {
    const bool other = range.rank && steps[i].name == kRankStep;
    Status done = other ? range.rank(draft) : steps[i].run(draft);
    const auto now = Clock::now();
    const auto ns = static_cast<uint64_t>((now - begin).count());
    StepTimer& timer = draft.loaded.timers[i];
    timer.calls.fetch_add(1, std::memory_order_relaxed);
    timer.total_ns.fetch_add(ns, std::memory_order_relaxed);
    draft.step_us[i] = static_cast<double>(ns) / 1e3;
    begin = now;
    if (!done) return done;
  }
  return {};
}

Slate finish(Draft& draft) {
  if (draft.again.decision != nullptr) {
    *draft.again.decision = decision_of(draft);
  } else if (draft.logged && draft.steady) {
    draft.loaded.decisions->take(decision_of(draft));
  }
  if (draft.logged && !draft.request.trace) {
    draft.slate.trace.clear();
    for (RecommendedItem& item : draft.slate.items) item.places.clear();
  }
  return std::move(draft.slate);
}

Result<Slate> recommend(const LoadedRelease& loaded, const RecommendRequest& asked,
                        const AnswerAgain& again) {
  Draft draft{.request = asked,
              .loaded = loaded,
              .work = workspace_of_thread(),
              .asked = &asked,
              .again = again};
  begin(draft);
  TRY(run_steps(draft));
  return finish(draft);
}

}  // namespace palate
