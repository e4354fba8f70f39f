#include "recommend/filters.h"
#include "recommend/pipeline_stage.h"

namespace palate::steps {
namespace {

// What the user had to do with does not come back: also what was disliked. All of the state counts,
// not only what was there at the first page.
void block_consumed(const UserState& user, ItemBitmap& blocked) {
  for (ItemIx item : user.consumed) block(blocked, item);
  for (const HistoryEntry& entry : user.history) block(blocked, entry.item);
}

}  // namespace

Status filter(Draft& draft) {
  if (!draft.view) {
    draft.view = std::make_shared<const Catalogue::View>(draft.loaded.state->catalogue().view());
  }
  const Catalogue::View& view = *draft.view;
  ItemBitmap& blocked = draft.work.blocked;
  blocked.assign((view.size() + 63) / 64, 0);
  const bool seen_again = draft.request.include_consumed || draft.pipeline->own_seen;
  if (draft.user && !seen_again) block_consumed(*draft.user, blocked);
  block_items(view, draft.request.exclude, blocked);
  block_unavailable(view, draft.query.now, blocked);
  TRY(block_other_categories(view, draft.request.categories, draft.work));
  TRY(block_filtered(view, draft.request.filter, draft.query.now, blocked));
  return run_pipeline_filters(draft);
}

}  // namespace palate::steps
