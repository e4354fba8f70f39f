#include "recommend/recommender.h"

#include <algorithm>
#include <deque>

#include "models/later_items.h"
#include "recommend/answer.h"
#include "recommend/draft.h"
#include "recommend/load.h"
#include "recommend/steps.h"

namespace palate {
namespace {

// For so many drafts together memory is kept; for more it is made.
constexpr size_t kWorkspacesKept = 16;
std::span<Workspace> workspaces_of_thread() {
  thread_local std::vector<Workspace> works(kWorkspacesKept);
  return works;
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
  const LoadedRelease* before = parts.before == nullptr ? nullptr : parts.before->loaded_.get();
  auto loaded = TRY(load_release(parts, release, before));
  return std::shared_ptr<const Recommender>(new Recommender(std::move(loaded)));
}

Result<Slate> Recommender::recommend(const RecommendRequest& request) const {
  return palate::recommend(*loaded_, request);
}
Result<Slate> Recommender::similar(const SimilarRequest& request) const {
  return palate::similar(*loaded_, request);
}
Result<RankedCandidates> Recommender::rank(const RankRequest& asked) const {
  return palate::rank(*loaded_, asked);
}
Result<Slate> Recommender::onboarding(const OnboardingRequest& asked) const {
  return palate::onboarding(*loaded_, asked);
}

std::vector<FeatureDrift::Shift> Recommender::feature_shifts() const {
  if (loaded_->ranker == nullptr) return {};
  return loaded_->ranker->drift().report();
}

Result<Recommender::Repeated> Recommender::repeat(const PastDecision& past) const {
  Repeated out;
  struct Ask {
    const LoadedRelease& loaded;
    const AnswerAgain again;
    Result<Slate> operator()(const RecommendRequest& asked) const {
      return palate::recommend(loaded, asked, again);
    }
    Result<Slate> operator()(const SimilarRequest& asked) const {
      return palate::similar(loaded, asked, again);
    }
    Result<Slate> operator()(const RankRequest& asked) const {
      return TRY(palate::rank(loaded, asked, again)).slate;
    }
    Result<Slate> operator()(const OnboardingRequest& asked) const {
      return palate::onboarding(loaded, asked, again);
    }
  };
  out.slate = TRY(std::visit(Ask{*loaded_, {&past.moment, &out.decision}}, past.request));
  return out;
}

std::vector<Result<Slate>> Recommender::recommend_together(
    std::span<const RecommendRequest> requests) const {
  // Each draft keeps what it blocks until all are ranked.
  std::vector<Workspace> own(requests.size() > kWorkspacesKept ? requests.size() : 0);
  const std::span<Workspace> works = own.empty() ? workspaces_of_thread() : own;
  std::deque<Draft> drafts;  // never moved: queries point into them
  for (size_t i = 0; i < requests.size(); ++i) {
    drafts.push_back(
        {.request = requests[i], .loaded = *loaded_, .work = works[i], .asked = &requests[i]});
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
    done[i] = run_steps(drafts[i], {.end = rank});
    if (done[i]) going.push_back(&drafts[i]);
  }
  rank_together(*loaded_, going, workspace_of_thread().scratch);
  std::vector<Result<Slate>> slates;
  slates.reserve(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    if (done[i]) done[i] = run_steps(drafts[i], {.first = rank});
    if (done[i]) {
      slates.emplace_back(finish(drafts[i]));
    } else {
      slates.emplace_back(std::unexpected(std::move(done[i].error())));
    }
  }
  return slates;
}

bool Recommender::outdated() const {
  return std::ranges::any_of(loaded_->models, [&](const LoadedModel& loaded) {
    const auto* knows = dynamic_cast<const KnowsLaterItems*>(loaded.model.get());
    return knows != nullptr && !knows->has_read(loaded_->state->catalogue());
  });
}

const Release& Recommender::release() const { return loaded_->release; }

std::vector<ModelInfo> Recommender::models() const {
  std::vector<ModelInfo> infos;
  for (const LoadedModel& loaded : loaded_->models) infos.push_back(loaded.model->info());
  if (const Ranker* ranker = loaded_->ranker.get()) {
    infos.push_back({.kind = std::string(kRankerKind), .version = ranker->version()});
  }
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
