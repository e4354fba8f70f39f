#include "recommend/recommender.h"

#include <chrono>

#include "recommend/catalog.h"
#include "recommend/draft.h"
#include "recommend/load.h"
#include "recommend/request_id.h"

namespace palate {
namespace {

Workspace& workspace_of_thread() {
  thread_local Workspace work;
  return work;
}

Status run_stages(Draft& draft) {
  using Clock = std::chrono::steady_clock;
  const auto stages = stage_catalogue();
  auto begin = Clock::now();
  for (size_t i = 0; i < stages.size(); ++i) {
    Status done = stages[i].run(draft);
    const auto end = Clock::now();
    StageTimer& timer = draft.loaded.timers[i];
    timer.calls.fetch_add(1, std::memory_order_relaxed);
    timer.total_ns.fetch_add(static_cast<uint64_t>((end - begin).count()),
                             std::memory_order_relaxed);
    begin = end;
    if (!done) return done;
  }
  return {};
}

}  // namespace

Recommender::Recommender(std::unique_ptr<const LoadedRelease> loaded)
    : loaded_(std::move(loaded)) {}
Recommender::~Recommender() = default;

Result<std::shared_ptr<const Recommender>> Recommender::load(const Registry& registry,
                                                             const Release& release,
                                                             const LiveState& state,
                                                             uint64_t event_types_fingerprint) {
  auto loaded = TRY(load_release(registry, release, state, event_types_fingerprint));
  return std::shared_ptr<const Recommender>(new Recommender(std::move(loaded)));
}

Result<Slate> Recommender::recommend(const RecommendRequest& request) const {
  Draft draft{.request = request, .loaded = *loaded_, .work = workspace_of_thread()};
  draft.slate.request_id = new_request_id();
  TRY(run_stages(draft));
  return std::move(draft.slate);
}

const Release& Recommender::release() const { return loaded_->release; }

std::vector<ModelInfo> Recommender::models() const {
  std::vector<ModelInfo> infos;
  for (const LoadedModel& loaded : loaded_->models) infos.push_back(loaded.model->info());
  return infos;
}

std::vector<StageTiming> Recommender::stage_timings() const {
  std::vector<StageTiming> timings;
  const auto stages = stage_catalogue();
  for (size_t i = 0; i < stages.size(); ++i) {
    const StageTimer& timer = loaded_->timers[i];
    timings.push_back({stages[i].name, timer.calls.load(), timer.total_ns.load()});
  }
  return timings;
}

}  // namespace palate
