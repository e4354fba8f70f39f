#include <algorithm>
#include <utility>

#include "recommend/filters.h"

namespace palate::steps {
namespace {

bool better(const Scored& a, const Scored& b) {
  return a.score != b.score ? a.score > b.score : a.item < b.item;
}

// Where in a source's list the page begins: after the last item given, however much was blocked or
// unblocked meanwhile. `given` only says how far down that is likely to be.
struct Start {
  size_t given = 0;
  std::optional<Scored> after;
};

Start start_in(const Draft& draft, SourceId source) {
  if (!draft.cursor || draft.cursor->in_head || draft.cursor->source != source) return {};
  const Cursor& cursor = *draft.cursor;
  return {cursor.given_by_source, Scored{cursor.last_item, cursor.last_score}};
}

// The next `want` of the model's list; fewer only when it ends.
void take_from_model(const Model& model, SourceId source, size_t want, Draft& draft) {
  const Start start = start_in(draft, source);
  const size_t most = model.info().items;  // also for a forged cursor
  TopKRequest top{draft.query, {draft.work.blocked}, std::min(start.given + want, most)};
  for (;;) {
    const bool together = source == SourceId::kPersonal && !draft.ranked_together.empty();
    const auto list = together ? std::exchange(draft.ranked_together, {})
                               : std::move(model.top_k({&top, 1}, draft.work.scratch)[0]);
    const auto begin = start.after
                           ? std::upper_bound(list.begin(), list.end(), *start.after, better)
                           : list.begin();
    const auto left = static_cast<size_t>(list.end() - begin);
    if (left >= want || list.size() < top.k || top.k == most) {
      for (const Scored& next : std::span(begin, std::min(left, want))) {
        draft.ranked.push_back({next.item, next.score, source});
      }
      return;
    }
    top.k = std::min(2 * top.k, most);  // something above was unblocked since the last page
  }
}

// Takes the next of what the pipeline has put in order.
void take_from_head(size_t want, Draft& draft) {
  const SourceId source = draft.slate.personalized ? SourceId::kPersonal : SourceId::kPopular;
  for (const HeadPlace& place : std::span(draft.head).first(std::min(want, draft.head.size()))) {
    draft.ranked.push_back({place.item, place.score, source, place.sources, place.propensity});
  }
}

// What no model knows, the newest first: so a new item can be found in the second it is added.
void take_from_catalogue(size_t want, Draft& draft) {
  const Start start = start_in(draft, SourceId::kCatalogue);
  const ItemFilter filter{draft.work.blocked};
  uint32_t item = start.after ? start.after->item.value : static_cast<uint32_t>(draft.view->size());
  while (want > 0 && item-- > 0) {
    if (filter.blocks({item})) continue;
    draft.ranked.push_back({{item}, 0, SourceId::kCatalogue});
    --want;
  }
}

void block_known(const LoadedModel& loaded, ItemBitmap& blocked) {
  const size_t words = std::min(blocked.size(), loaded.known.size());
  for (size_t i = 0; i < words; ++i) blocked[i] |= loaded.known[i];
}

}  // namespace

Status rank(Draft& draft) {
  // One more than asked for says whether there is another page.
  const size_t want = draft.request.n + 1;
  const SourceId first = draft.slate.personalized ? SourceId::kPersonal : SourceId::kPopular;
  const bool begun = draft.cursor && !draft.cursor->in_head;
  const SourceId from = begun ? draft.cursor->source : first;
  draft.ranked.reserve(want);
  take_from_head(want, draft);
  for (SourceId source : {SourceId::kPersonal, SourceId::kPopular, SourceId::kCatalogue}) {
    if (source < first) continue;
    if (draft.ranked.size() == want) break;
    const size_t missing = want - draft.ranked.size();
    const LoadedModel* loaded = draft.loaded.source(source);
    if (source == SourceId::kCatalogue) {
      take_from_catalogue(missing, draft);
    } else if (loaded != nullptr) {
      if (source >= from) take_from_model(*loaded->model, source, missing, draft);
      block_known(*loaded, draft.work.blocked);
    }
  }
  draft.more = draft.ranked.size() == want;
  if (draft.more) draft.ranked.pop_back();
  draft.head_taken = std::min(draft.ranked.size(), draft.head.size());
  return {};
}

}  // namespace palate::steps
