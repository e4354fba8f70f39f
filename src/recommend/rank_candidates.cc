#include <algorithm>

#include "recommend/answer.h"
#include "recommend/candidate_likeness.h"
#include "recommend/draft.h"
#include "recommend/present.h"

namespace palate {
namespace {

// Candidates by who can rank them: the personal model, what is popular, the order given.
class Candidates {
 public:
  explicit Candidates(Draft& draft) : draft_(draft) {}

  void score(std::vector<ItemIx> items) {
    left_ = std::move(items);
    if (draft_.slate.personalized) score_by(*draft_.loaded.personal, SourceId::kPersonal);
    if (draft_.loaded.popular != nullptr) score_by(*draft_.loaded.popular, SourceId::kPopular);
    for (const ItemIx item : left_) draft_.ranked.push_back({item, 0, SourceId::kCatalogue});
  }

 private:
  void score_by(const LoadedModel& loaded, SourceId source) {
    std::vector<float> scores(left_.size());
    loaded.model->score(draft_.query, left_, scores, draft_.work.scratch);
    std::vector<ItemIx> unknown;
    const size_t begin = draft_.ranked.size();
    for (size_t i = 0; i < left_.size(); ++i) {
      if (ItemFilter{loaded.known}.blocks(left_[i])) {  // a bit says that it is known
        draft_.ranked.push_back({left_[i], scores[i], source});
      } else {
        unknown.push_back(left_[i]);
      }
    }
    std::ranges::stable_sort(std::span(draft_.ranked).subspan(begin), std::greater{},
                             &Candidate::score);
    left_ = std::move(unknown);
  }

  Draft& draft_;
  std::vector<ItemIx> left_;
};

Status diversify(const RankRequest& asked, Draft& draft) {
  const Diversifier by = TRY(diversifier(asked.diversifier));
  if (asked.diversity == 0 || draft.ranked.empty()) return {};
  const SourceId first = draft.ranked.front().source;
  const auto end = std::ranges::find_if(
      draft.ranked, [&](const Candidate& candidate) { return candidate.source != first; });
  const std::vector<Candidate> head(draft.ranked.begin(), end);
  std::vector<float> relevance;
  std::vector<ItemIx> items;
  for (const Candidate& candidate : head) {
    relevance.push_back(candidate.score);
    items.push_back(candidate.item);
  }
  const auto order = diversified(
      relevance, likeness_of(items, draft.loaded.source(first), *draft.view),
      {.by = by, .strength = asked.diversity, .count = std::min(head.size(), kDiversifiedMax)});
  for (size_t i = 0; i < order.size(); ++i) draft.ranked[i] = head[order[i]];
  return {};
}

Status check_limits(const RankRequest& request) {
  if (!(request.diversity >= 0 && request.diversity <= 1)) {
    return fail(Code::kInvalidArgument, "diversity is {}; it must be 0 to 1", request.diversity);
  }
  if (!request.items.empty() && request.items.size() <= kRankedMax &&
      request.explain <= kReasonsMax) {
    return {};
  }
  return fail(Code::kInvalidArgument,
              "{} items and {} reasons; 1 to {} items are ranked, with at most {} reasons each",
              request.items.size(), request.explain, kRankedMax, kReasonsMax);
}

}  // namespace

Result<RankedCandidates> rank(const LoadedRelease& loaded, const RankRequest& asked,
                              const AnswerAgain& again) {
  TRY(check_limits(asked));
  const RecommendRequest request{.user = asked.user,
                                 .pipeline = "plain",
                                 .language = asked.language,
                                 .explain = asked.explain};
  Draft draft{.request = request,
              .loaded = loaded,
              .work = workspace_of_thread(),
              .asked = &asked,
              .again = again};
  RankedCandidates answer;
  begin(draft);
  const auto rank_asked = [&](Draft& ranking) {
    std::vector<ItemIx> items;
    for (const std::string& name : asked.items) {
      if (const auto item = ranking.view->find(name)) {
        if (std::ranges::count(items, *item) == 0) items.push_back(*item);
      } else {
        answer.unknown.push_back(name);
      }
    }
    Candidates(ranking).score(std::move(items));
    return diversify(asked, ranking);
  };
  TRY(run_steps(draft, {.rank = rank_asked}));
  draft.slate.pipeline.clear();
  draft.slate.level = {};
  answer.slate = finish(draft);
  return answer;
}

}  // namespace palate
