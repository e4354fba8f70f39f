#include <algorithm>
#include <cmath>

#include "recommend/answer.h"
#include "recommend/candidate_likeness.h"
#include "recommend/draft.h"

namespace palate {
namespace {

constexpr size_t kCandidates = 500;  // of the most popular that may come
constexpr size_t kAnswersRead = 50;  // of the user, the newest
// As much as being known counts being different: a title that nobody knows gets no answer, and one
// like those before says nothing new.
constexpr double kStrength = 0.5;

// What is liked by many, best first. Popularity spans orders of magnitude: its logarithm counts.
std::vector<Scored> known_to_many(Draft& draft) {
  std::vector<Scored> list;
  if (const LoadedModel* popular = draft.loaded.popular) {
    const TopKRequest request{draft.query, {draft.work.blocked}, kCandidates};
    list = popular->model->top_k({&request, 1}, draft.work.scratch)[0];
  }
  for (auto item = static_cast<uint32_t>(draft.view->size());
       item-- > 0 && list.size() < kCandidates && draft.loaded.popular == nullptr;) {
    if (!ItemFilter{draft.work.blocked}.blocks({item})) list.push_back({{item}, 0});
  }
  return list;
}

std::vector<ItemIx> answered(const Draft& draft) {
  std::vector<ItemIx> items;
  const auto history = draft.query.history;
  for (size_t i = history.size(); i-- > 0 && items.size() < kAnswersRead;) {
    if (std::ranges::count(items, history[i].item) == 0) items.push_back(history[i].item);
  }
  return items;
}

void choose(size_t n, Draft& draft) {
  const auto list = known_to_many(draft);
  std::vector<ItemIx> items;
  std::vector<float> relevance;
  for (const Scored& one : list) {
    items.push_back(one.item);
    relevance.push_back(std::log1p(std::max(one.score, 0.0F)));
  }
  const float least = relevance.empty() ? 0 : *std::ranges::min_element(relevance);
  std::vector<uint32_t> given;
  for (const ItemIx item : answered(draft)) {
    const auto known = std::ranges::find(items, item);
    given.push_back(static_cast<uint32_t>(known - items.begin()));
    if (known != items.end()) continue;
    items.push_back(item);
    relevance.push_back(least);  // so that it does not change what the others' mean
  }
  const LoadedModel* model =
      draft.loaded.personal != nullptr ? draft.loaded.personal : draft.loaded.similar;
  const auto order = diversified(relevance, likeness_of(items, model, *draft.view),
                                 {.strength = kStrength, .count = n, .given = given});
  for (const uint32_t i : std::span(order).first(std::min(n, order.size()))) {
    draft.ranked.push_back({items[i], i < list.size() ? list[i].score : 0, SourceId::kPopular});
  }
}

}  // namespace

Result<Slate> onboarding(const LoadedRelease& loaded, const OnboardingRequest& asked,
                         const AnswerAgain& again) {
  if (asked.n < 1 || asked.n > kQuestionsMax) {
    return fail(Code::kInvalidArgument, "n is {}; it must be 1 to {}", asked.n, kQuestionsMax);
  }
  const RecommendRequest request{.user = asked.user,
                                 .n = asked.n,
                                 .exclude = asked.exclude,
                                 .categories = asked.categories,
                                 .filter = asked.filter,
                                 .pipeline = "plain",
                                 .language = asked.language};
  Draft draft{.request = request,
              .loaded = loaded,
              .work = workspace_of_thread(),
              .asked = &asked,
              .again = again};
  begin(draft);
  const auto choose_questions = [&](Draft& choosing) -> Status {
    choose(asked.n, choosing);
    return {};
  };
  TRY(run_steps(draft, {.rank = choose_questions}));
  draft.slate.pipeline.clear();
  draft.slate.level = {};
  return finish(draft);
}

}  // namespace palate
