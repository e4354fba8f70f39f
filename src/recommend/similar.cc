#include "recommend/answer.h"

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

}  // namespace

Result<Slate> similar(const LoadedRelease& loaded, const SimilarRequest& asked,
                      const AnswerAgain& again) {
  if (loaded.similar == nullptr) {
    return fail(Code::kUnavailable,
                "no model of release {} knows similar items; train one with `palate train --model "
                "als`",
                loaded.release.number);
  }
  const Model& model = *loaded.similar->model;
  const RecommendRequest request{.n = asked.n,
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
  const auto rank_similar = [&](Draft& ranking) -> Status {
    const ItemIx item = TRY(find_item(*ranking.view, asked.item, model.info()));
    const ItemFilter filter{ranking.work.blocked};
    const auto found = model.similar(item, asked.n, filter, ranking.work.scratch);
    if (!found) return std::unexpected(found.error().within(fmt::format("item '{}'", asked.item)));
    for (const Scored& one : *found) ranking.ranked.push_back({one.item, one.score});
    return {};
  };
  TRY(run_steps(draft, {.rank = rank_similar}));
  Slate& slate = draft.slate;
  slate.source = model.info().kind;
  slate.version = model.info().version;
  for (RecommendedItem& item : slate.items) item.source = slate.source;
  slate.why.clear();
  slate.pipeline.clear();
  slate.level = {};
  return finish(draft);
}

}  // namespace palate
