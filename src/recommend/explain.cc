#include <algorithm>

#include "base/check.h"
#include "recommend/draft.h"
#include "recommend/explanation.h"
#include "recommend/filter_expression.h"
#include "recommend/filters.h"
#include "recommend/pipeline_stage.h"
#include "recommend/present.h"
#include "recommend/steps.h"

namespace palate {
namespace {

using Dropped = Explanation::Dropped;

// Every rule of step "filter", asked about one item.
class Rules {
 public:
  Rules(Draft& draft, ItemIx item) : draft_(draft), view_(*draft.view), item_(item) {}

  Result<std::vector<Dropped>> that_drop() {
    const bool seen_again = draft_.request.include_consumed || draft_.pipeline->own_seen;
    if (!seen_again && had()) {
      add("consumed", fmt::format("user '{}' had it before", draft_.request.user),
          "include_consumed");
    }
    if (std::ranges::count(draft_.request.exclude, view_.name(item_)) > 0) {
      add("excluded", "the request excludes it", "another exclude");
    }
    availability();
    TRY(categories());
    TRY(filter());
    TRY(stages());
    return std::move(dropped_);
  }

 private:
  void add(std::string by, std::string why, std::string keep) {
    dropped_.push_back({std::move(by), std::move(why), std::move(keep)});
  }
  [[nodiscard]] bool had() const {
    if (!draft_.user) return false;
    return std::ranges::count(draft_.user->consumed, item_) > 0 ||
           std::ranges::count(draft_.user->history, item_, &HistoryEntry::item) > 0;
  }
  void availability() {
    if (view_.available(item_, draft_.query.now)) return;
    const ItemRecord& record = view_.record(item_);
    if (record.hidden) {
      return add("unavailable", "it is hidden", "a record of the item with hidden = false");
    }
    const bool early = draft_.query.now < record.released;
    add("unavailable",
        fmt::format("it {} {}", early ? "is not released before" : "expired at",
                    format_rfc3339(early ? record.released : record.expires)),
        early ? "an earlier released" : "a later expires");
  }
  Status categories() {
    const auto& wanted = draft_.request.categories;
    const auto& has = view_.record(item_).categories;
    const bool any = std::ranges::any_of(
        wanted, [&](const std::string& name) { return std::ranges::count(has, name) > 0; });
    if (wanted.empty() || any) return {};
    add("categories",
        has.empty() ? "it has no category"
                    : fmt::format("its categories are {}", fmt::join(has, ", ")),
        "one of its categories in the request");
    return {};
  }
  Status filter() {
    if (draft_.request.filter.empty()) return {};
    const auto expression = TRY(FilterExpression::parse(draft_.request.filter));
    for (const std::string& part : TRY(expression.failing(view_, draft_.query.now, item_))) {
      add("filter", fmt::format("this does not hold for it: {}", part), "a filter without that");
    }
    return {};
  }

  // Each filter of the pipeline alone.
  Status stages() {
    ItemBitmap& blocked = draft_.work.blocked;
    const ItemBitmap before = blocked;
    CandidatePool none;
    PipelineRun run{.draft = draft_, .pool = none};
    for (const PipelineStage& stage : draft_.pipeline->stages) {
      if (stage.part != StagePart::kFilter) continue;
      blocked.assign(before.size(), 0);
      const Status done = stage.body(run);
      const bool drops = ItemFilter{blocked}.blocks(item_);
      blocked = before;
      TRY(done);
      if (!drops) continue;
      add(std::string(stage.kind),
          fmt::format("pipeline '{}' drops it: {}", draft_.pipeline->name, stage.text),
          "a pipeline without that stage");
    }
    return {};
  }

  Draft& draft_;
  const Catalogue::View& view_;
  const ItemIx item_;
  std::vector<Dropped> dropped_;
};

Result<ItemIx> item_of(const Draft& draft, const std::string& name) {
  const auto item = draft.view->find(name);
  if (item) return *item;
  return fail(Code::kNotFound, "there is no item '{}'; ids are case-sensitive", name);
}

void name_source(const Draft& draft, const Candidate& candidate, Explanation& explanation) {
  const LoadedModel* model = draft.loaded.source(candidate.source);
  explanation.score = candidate.score;
  explanation.source = source_name(draft.loaded, candidate.source);
  if (model != nullptr) explanation.version = model->model->info().version;
}

// What the user's vector says of the item, word by word.
std::optional<Taste> taste_of(Draft& draft, ItemIx item) {
  if (!draft.slate.personalized) return std::nullopt;
  const Model& model = *draft.loaded.personal->model;
  const auto user = model.user_vector(draft.query, draft.work.scratch);
  if (!user) return std::nullopt;
  return draft.loaded.taste_words().taste(model, *user, draft.view->record(item), item);
}

}  // namespace

Result<Explanation> Recommender::explain(const ExplainRequest& asked) const {
  if (asked.reasons > kReasonsMax) {
    return fail(Code::kInvalidArgument, "{} reasons; at most {} are given", asked.reasons,
                kReasonsMax);
  }
  RecommendRequest request = asked.request;
  request.n = 1;
  request.cursor.clear();
  request.explain = 0;
  request.trace = true;
  loaded_->taste_words();  // the first time it takes a while: before anything is held
  thread_local Workspace work;
  Draft draft{.request = request, .loaded = *loaded_, .work = work};
  Explanation explanation;
  ItemIx item;
  for (const Step& step : request_steps()) {
    TRY(step.run(draft));
    if (step.name == kRankStep) break;
    if (step.name != kFilterStep) continue;
    item = TRY(item_of(draft, asked.item));
    explanation.dropped = TRY(Rules(draft, item).that_drop());
    work.blocked[item.value / 64] &= ~(uint64_t{1} << item.value % 64);
    request.n = draft.view->size();  // the whole list
  }
  explanation.of = draft.ranked.size();
  const auto found = std::ranges::find(draft.ranked, item, &Candidate::item);
  PALATE_CHECK(found != draft.ranked.end(), "pages reach every allowed item");
  explanation.place = static_cast<size_t>(found - draft.ranked.begin()) + 1;
  name_source(draft, *found, explanation);
  RecommendedItem named;
  name_stages(draft, *found, named);
  explanation.proposed_by = std::move(named.proposed_by);
  explanation.places = std::move(named.places);
  explanation.pipeline = draft.pipeline->name;
  explanation.trace = std::move(draft.slate.trace);

  explanation.item = draft.view->name(item);
  const std::string_view language = language_of(draft);
  explanation.title = draft.view->record(item).title(language);
  explanation.reasons = reasons_of(draft, *found, {asked.reasons, language});
  explanation.taste = taste_of(draft, item);
  explanation.release = loaded_->release.number;
  explanation.personalized = draft.slate.personalized;
  explanation.why = draft.slate.why;
  explanation.as_of = draft.slate.as_of;
  return explanation;
}

}  // namespace palate
