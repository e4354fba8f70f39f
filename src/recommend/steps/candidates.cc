#include <algorithm>

#include "recommend/filters.h"
#include "recommend/pipeline_stage.h"

namespace palate::steps {
namespace {

// What was had, hidden or excluded since the first page does not come.
void drop_blocked(const ItemFilter& filter, std::vector<HeadPlace>& head) {
  std::erase_if(head,
                [&](const HeadPlace& place) { return !place.again && filter.blocks(place.item); });
}

}  // namespace

Status candidates(Draft& draft) {
  if (draft.pipeline->plain()) return {};
  if (draft.cursor) {
    draft.head = draft.cursor->head_left;
    draft.head_given = draft.cursor->head_given;
    drop_blocked({draft.work.blocked}, draft.head);
  } else {
    TRY(make_head(draft));
  }
  // The models' lists go on without it.
  for (const HeadPlace& place : draft.head) block(draft.work.blocked, place.item);
  for (const ItemIx item : draft.head_given) block(draft.work.blocked, item);
  return {};
}

}  // namespace palate::steps
