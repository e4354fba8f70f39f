#include "recommend/present.h"

namespace palate {
namespace {

constexpr std::string_view kCatalogueSource = "catalogue";

}  // namespace

std::string_view source_name(const LoadedRelease& loaded, SourceId source) {
  const LoadedModel* model = loaded.source(source);
  return model == nullptr ? kCatalogueSource : std::string_view(model->model->info().kind);
}

std::string_view language_of(const Draft& draft) {
  if (!draft.request.language.empty() || !draft.user) return draft.request.language;
  return draft.user->profile.language;
}

std::vector<RecommendedItem::Reason> reasons_of(Draft& draft, const Candidate& candidate,
                                                const ReasonsWanted& wanted) {
  std::vector<RecommendedItem::Reason> named;
  if (wanted.count == 0 || candidate.source != SourceId::kPersonal) return named;
  const Model& model = *draft.loaded.personal->model;
  const auto found = model.explain(draft.query, candidate.item, wanted.count, draft.work.scratch);
  if (!found) return named;  // a model without reasons still ranks
  for (const Contribution& reason : *found) {
    named.push_back({std::string(draft.view->name(reason.because_of)),
                     std::string(draft.view->record(reason.because_of).title(wanted.language)),
                     reason.score});
  }
  return named;
}

void name_stages(const Draft& draft, const Candidate& candidate, RecommendedItem& item) {
  const auto& stages = draft.pipeline->stages;
  for (uint32_t s = 0; s < stages.size(); ++s) {
    if ((candidate.sources >> s & 1) == 0) continue;
    item.proposed_by.push_back(stages[s].kind);
    item.sponsored |= stages[s].sponsored;
  }
  if (candidate.sources == 0) return;
  for (const TracedOrder& order : draft.orders) {
    const auto at = std::ranges::find(order.items, candidate.item);
    const auto place = at == order.items.end() ? 0 : at - order.items.begin() + 1;
    item.places.push_back({stages[order.stage].kind, static_cast<uint32_t>(place)});
  }
}

namespace steps {
namespace {

// What is behind this page of the head.
void put_head(const Draft& draft, Cursor& next) {
  const std::span head = draft.head;
  next.head_given = draft.head_given;
  for (const HeadPlace& place : head.first(draft.head_taken)) next.head_given.push_back(place.item);
  const auto left = head.subspan(draft.head_taken);
  next.head_left.assign(left.begin(), left.end());
}

// Where the models' lists are after this page.
void put_place(const Draft& draft, Cursor& next) {
  const std::span behind = std::span(draft.ranked).subspan(draft.head_taken);
  const bool begun = draft.cursor && !draft.cursor->in_head;
  if (begun) {
    next.source = draft.cursor->source;
    next.given_by_source = draft.cursor->given_by_source;
    next.last_score = draft.cursor->last_score;
    next.last_item = draft.cursor->last_item;
  }
  next.in_head = !begun && behind.empty();
  if (behind.empty()) return;
  const Candidate& last = behind.back();
  if (!begun || last.source != next.source) next.given_by_source = 0;
  next.given_by_source +=
      static_cast<uint32_t>(std::ranges::count(behind, last.source, &Candidate::source));
  next.source = last.source;
  next.last_score = last.score;
  next.last_item = last.item;
}

std::string next_cursor(const Draft& draft) {
  if (!draft.more) return {};
  Cursor next;
  next.given =
      (draft.cursor ? draft.cursor->given : 0) + static_cast<uint32_t>(draft.ranked.size());
  put_head(draft, next);
  put_place(draft, next);
  next.personalized = draft.slate.personalized;
  next.release = draft.loaded.release.number;
  next.events_end = draft.events_end;
  next.request_hash = draft.request_hash;
  next.history_hash = draft.history_hash;
  next.made = draft.cursor ? draft.cursor->made : draft.query.now;
  return encode_cursor(next, draft.loaded.state->hash());
}

void name_last(Draft& draft, std::string_view language) {
  const auto history = draft.query.history;
  const auto liked = std::find_if(history.rbegin(), history.rend(),
                                  [](const HistoryEntry& entry) { return entry.preference > 0; });
  if (liked != history.rend()) {
    draft.slate.last_liked = draft.view->record(liked->item).title(language);
  }
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
    item.source = source_name(draft.loaded, candidate.source);
    item.propensity = candidate.propensity;
    name_stages(draft, candidate, item);
    if (!item.proposed_by.empty()) item.source = item.proposed_by.front();
    item.reasons = reasons_of(draft, candidate, {draft.request.explain, language});
  }
  if (draft.request.name_last) name_last(draft, language);
  name_ranker(draft);
  draft.slate.release = draft.loaded.release.number;
  draft.slate.cursor = next_cursor(draft);
  return {};
}

}  // namespace steps
}  // namespace palate
