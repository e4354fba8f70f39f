#include "recommend/filters.h"
#include "recommend/recommender.h"
#include "recommend/request_id.h"

namespace palate {
namespace {

Result<ItemIx> find_item(const Catalogue::View& view, const std::string& name,
                         const ModelInfo& model) {
  const auto item = view.find(name);
  if (!item) {
    return fail(Code::kNotFound, "there is no item '{}'; ids are case-sensitive", name);
  }
  if (item->value >= model.items) {
    return fail(Code::kNotFound,
                "item '{}' came after model {} {} was trained; it is found after the next `palate "
                "train`",
                name, model.kind, model.version);
  }
  return *item;
}

Status block_all(const Catalogue::View& view, const SimilarRequest& request, Workspace& work) {
  work.blocked.assign((view.size() + 63) / 64, 0);
  block_items(view, request.exclude, work.blocked);
  block_unavailable(view, now(), work.blocked);
  TRY(block_other_categories(view, request.categories, work));
  return block_filtered(view, request.filter, now(), work.blocked);
}

}  // namespace

Result<Slate> Recommender::similar(const SimilarRequest& request) const {
  TRY(check_sizes(request.n, request.exclude, request.categories));
  if (loaded_->similar == nullptr) {
    return fail(Code::kUnavailable,
                "no model of release {} knows similar items; train one with `palate train --model "
                "als`",
                loaded_->release.number);
  }
  const Model& model = *loaded_->similar->model;
  thread_local Workspace work;
  Slate slate;
  slate.as_of = loaded_->state->as_of();
  const Catalogue::View view = loaded_->state->catalogue().view();
  const ItemIx item = TRY(find_item(view, request.item, model.info()));
  TRY(block_all(view, request, work));
  const auto found = model.similar(item, request.n, {work.blocked}, work.scratch);
  if (!found) return std::unexpected(found.error().within(fmt::format("item '{}'", request.item)));

  slate.request_id = new_request_id();
  slate.source = model.info().kind;
  slate.version = model.info().version;
  slate.release = loaded_->release.number;
  for (const Scored& scored : *found) {
    RecommendedItem& next = slate.items.emplace_back();
    next.ix = scored.item;
    next.item = view.name(scored.item);
    next.title = view.record(scored.item).title(request.language);
    next.score = scored.score;
    next.source = slate.source;
  }
  return slate;
}

}  // namespace palate
