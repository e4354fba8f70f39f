#include "evaluate/fold_model.h"

#include <algorithm>

#include "base/check.h"
#include "dataset/user_folds.h"

namespace palate {

FoldModel::FoldModel(std::vector<std::unique_ptr<Model>> models, uint64_t seed)
    : models_(std::move(models)), seed_(seed) {
  PALATE_CHECK(!models_.empty(), "a fold needs a model");
  info_ = models_[0]->info();
  for (const auto& model : models_) {
    info_.score_min = std::min(info_.score_min, model->info().score_min);
    info_.score_max = std::max(info_.score_max, model->info().score_max);
  }
  info_.can_similar = info_.can_explain = false;  // by whom?
}

const Model& FoldModel::of(const Query& query) const {
  return *models_[fold_of(query.user, models_.size(), seed_)];
}

bool FoldModel::can_answer(const Query& query) const { return of(query).can_answer(query); }

void FoldModel::score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
                      Scratch& scratch) const {
  of(query).score(query, items, scores, scratch);
}

std::vector<std::vector<Scored>> FoldModel::top_k(std::span<const TopKRequest> requests,
                                                  Scratch& scratch) const {
  std::vector<std::vector<Scored>> lists(requests.size());
  for (const auto& model : models_) {
    std::vector<TopKRequest> mine;
    std::vector<size_t> at;
    for (size_t i = 0; i < requests.size(); ++i) {
      if (&of(requests[i].query) != model.get()) continue;
      mine.push_back(requests[i]);
      at.push_back(i);
    }
    if (mine.empty()) continue;
    auto answers = model->top_k(mine, scratch);
    for (size_t i = 0; i < at.size(); ++i) lists[at[i]] = std::move(answers[i]);
  }
  return lists;
}

}  // namespace palate
