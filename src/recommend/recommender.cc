#include "recommend/recommender.h"

#include <algorithm>
#include <chrono>
#include <deque>

#include "recommend/draft.h"
#include "recommend/load.h"
#include "recommend/request_id.h"
#include "recommend/steps.h"

namespace palate {
namespace {

Workspace& workspace_of_thread() {
  thread_local Workspace work;
  return work;
}

// For so many drafts together memory is kept; for more it is made.
constexpr size_t kWorkspacesKept = 16;
std::span<Workspace> workspaces_of_thread() {
  thread_local std::vector<Workspace> works(kWorkspacesKept);
  return works;
}

// Stages [first, end) of the catalogue.
Status run_steps(Draft& draft, size_t first, size_t end) {
  using Clock = std::chrono::steady_clock;
  const auto steps = request_steps();
  auto begin = Clock::now();
  for (size_t i = first; i < end; ++i) {
    Status done = steps[i].run(draft);
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

void begin(Draft& draft) {
  draft.slate.request_id = new_request_id();
  const DecisionSink* sink = draft.loaded.decisions;
  draft.logged = sink != nullptr && is_drawn(draft.slate.request_id, sink->config.share);
  if (draft.logged) draft.keep = static_cast<size_t>(sink->config.candidates);
}

// Logs the decision where it is to be logged and was made at one moment, and gives what was asked
// for.
Slate finish(Draft& draft) {
  if (draft.logged && draft.steady) draft.loaded.decisions->take(decision_of(draft));
  if (draft.logged && !draft.request.trace) {
    draft.slate.trace.clear();
    for (RecommendedItem& item : draft.slate.items) item.places.clear();
  }
  return std::move(draft.slate);
}

size_t rank_step() {
  const auto steps = request_steps();
  return static_cast<size_t>(std::ranges::find(steps, kRankStep, &Step::name) - steps.begin());
}

// Of those that begin their personal list.
void rank_together(const LoadedRelease& loaded, std::span<Draft* const> drafts, Scratch& scratch) {
  std::vector<TopKRequest> asked;
  std::vector<Draft*> asking;
  for (Draft* draft : drafts) {
    if (!draft->slate.personalized || draft->cursor) continue;
    const size_t k = std::min(draft->request.n + 1, loaded.personal->model->info().items);
    asked.push_back({draft->query, {draft->work.blocked}, k});
    asking.push_back(draft);
  }
  if (asked.empty()) return;
  auto lists = loaded.personal->model->top_k(asked, scratch);
  for (size_t i = 0; i < lists.size(); ++i) asking[i]->ranked_together = std::move(lists[i]);
}

}  // namespace

Recommender::Recommender(std::unique_ptr<const LoadedRelease> loaded)
    : loaded_(std::move(loaded)) {}
Recommender::~Recommender() = default;

Result<std::shared_ptr<const Recommender>> Recommender::load(const Parts& parts,
                                                             const Release& release) {
  auto loaded = TRY(load_release(parts, release));
  return std::shared_ptr<const Recommender>(new Recommender(std::move(loaded)));
}

Result<Slate> Recommender::recommend(const RecommendRequest& request) const {
  Draft draft{.request = request, .loaded = *loaded_, .work = workspace_of_thread()};
  begin(draft);
  TRY(run_steps(draft, 0, request_steps().size()));
  return finish(draft);
}

Result<Recommender::Repeated> Recommender::repeat(const RecommendRequest& request,
                                                  const PastMoment& moment) const {
  Draft draft{
      .request = request, .loaded = *loaded_, .work = workspace_of_thread(), .past = &moment};
  draft.slate.request_id = moment.request_id;
  draft.logged = true;
  TRY(run_steps(draft, 0, request_steps().size()));
  DecisionRecord decision = decision_of(draft);
  return Repeated{std::move(draft.slate), std::move(decision)};
}

std::vector<Result<Slate>> Recommender::recommend_together(
    std::span<const RecommendRequest> requests) const {
  // Each draft keeps what it blocks until all are ranked.
  std::vector<Workspace> own(requests.size() > kWorkspacesKept ? requests.size() : 0);
  const std::span<Workspace> works = own.empty() ? workspaces_of_thread() : own;
  std::deque<Draft> drafts;  // never moved: queries point into them
  for (size_t i = 0; i < requests.size(); ++i) {
    drafts.push_back({.request = requests[i], .loaded = *loaded_, .work = works[i]});
    begin(drafts[i]);
  }
  LiveState::Hold hold;
  if (std::ranges::any_of(drafts, &Draft::logged)) hold = loaded_->state->hold();
  const auto view = std::make_shared<const Catalogue::View>(loaded_->state->catalogue().view());
  std::vector<Status> done(requests.size());
  std::vector<Draft*> going;
  const size_t rank = rank_step();
  for (size_t i = 0; i < requests.size(); ++i) {
    drafts[i].view = view;
    drafts[i].steady = hold.owns_lock();
    done[i] = run_steps(drafts[i], 0, rank);
    if (done[i]) going.push_back(&drafts[i]);
  }
  rank_together(*loaded_, going, workspace_of_thread().scratch);
  std::vector<Result<Slate>> slates;
  slates.reserve(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    if (done[i]) done[i] = run_steps(drafts[i], rank, request_steps().size());
    if (done[i]) {
      slates.emplace_back(finish(drafts[i]));
    } else {
      slates.emplace_back(std::unexpected(std::move(done[i].error())));
    }
  }
  return slates;
}

const Release& Recommender::release() const { return loaded_->release; }

std::vector<ModelInfo> Recommender::models() const {
  std::vector<ModelInfo> infos;
  for (const LoadedModel& loaded : loaded_->models) infos.push_back(loaded.model->info());
  return infos;
}

std::vector<StepTiming> Recommender::step_timings() const {
  std::vector<StepTiming> timings;
  const auto steps = request_steps();
  for (size_t i = 0; i < steps.size(); ++i) {
    const StepTimer& timer = loaded_->timers[i];
    timings.push_back({steps[i].name, timer.calls.load(), timer.total_ns.load()});
  }
  return timings;
}

}  // namespace palate
