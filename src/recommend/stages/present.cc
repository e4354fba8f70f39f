#include "recommend/draft.h"

namespace palate::stages {
namespace {

constexpr std::string_view kCatalogueSource = "catalogue";

std::string_view name_of(const LoadedRelease& loaded, SourceId source) {
  const LoadedModel* model = loaded.source(source);
  return model == nullptr ? kCatalogueSource : std::string_view(model->model->info().kind);
}

std::string_view language_of(const Draft& draft) {
  if (!draft.request.language.empty() || !draft.user) return draft.request.language;
  return draft.user->profile.language;
}

std::vector<RecommendedItem::Reason> reasons(Draft& draft, const Candidate& candidate,
                                             std::string_view language) {
  std::vector<RecommendedItem::Reason> named;
  if (draft.request.explain == 0 || candidate.source != SourceId::kPersonal) return named;
  const Model& model = *draft.loaded.personal->model;
  const auto found =
      model.explain(draft.query, candidate.item, draft.request.explain, draft.work.scratch);
  if (!found) return named;  // a model without reasons still ranks
  for (const Contribution& reason : *found) {
    named.push_back({std::string(draft.view->name(reason.because_of)),
                     std::string(draft.view->record(reason.because_of).title(language)),
                     reason.score});
  }
  return named;
}

std::string next_cursor(const Draft& draft) {
  if (!draft.more) return {};
  const Candidate& last = draft.ranked.back();
  Cursor next;
  if (draft.cursor) next.given = draft.cursor->given;
  if (draft.cursor && draft.cursor->source == last.source) {
    next.given_by_source = draft.cursor->given_by_source;
  }
  for (const Candidate& candidate : draft.ranked) {
    ++next.given;
    if (candidate.source == last.source) ++next.given_by_source;
  }
  next.source = last.source;
  next.personalized = draft.slate.personalized;
  next.last_score = last.score;
  next.last_item = last.item;
  next.release = draft.loaded.release.number;
  next.events_end = draft.events_end;
  next.request_hash = draft.request_hash;
  next.history_hash = draft.history_hash;
  return encode_cursor(next);
}

// The model that ranked the page's head.
void name_ranker(Draft& draft) {
  const LoadedModel* loaded =
      draft.slate.personalized ? draft.loaded.personal : draft.loaded.popular;
  draft.slate.source = loaded == nullptr ? kCatalogueSource : loaded->model->info().kind;
  if (loaded != nullptr) draft.slate.version = loaded->model->info().version;
}

}  // namespace

Status present(Draft& draft) {
  const std::string_view language = language_of(draft);
  draft.slate.items.reserve(draft.ranked.size());
  for (const Candidate& candidate : draft.ranked) {
    RecommendedItem& item = draft.slate.items.emplace_back();
    item.ix = candidate.item;
    item.item = draft.view->name(candidate.item);
    if (draft.request.titles) item.title = draft.view->record(candidate.item).title(language);
    item.score = candidate.score;
    item.source = name_of(draft.loaded, candidate.source);
    item.reasons = reasons(draft, candidate, language);
  }
  name_ranker(draft);
  draft.slate.release = draft.loaded.release.number;
  draft.slate.cursor = next_cursor(draft);
  return {};
}

}  // namespace palate::stages
