// One model a group of users, behind one face: each query goes to the model that was trained
// without its user's group (dataset/user_folds.h).
#pragma once

#include <memory>
#include <vector>

#include "models/model.h"

namespace palate {

class FoldModel : public Model {
 public:
  // `models` in the order of the groups, at least one; `seed` that of the groups.
  FoldModel(std::vector<std::unique_ptr<Model>> models, uint64_t seed);

  [[nodiscard]] const ModelInfo& info() const override { return info_; }
  [[nodiscard]] bool can_answer(const Query& query) const override;
  void score(const Query& query, std::span<const ItemIx> items, std::span<float> scores,
             Scratch& scratch) const override;
  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch& scratch) const override;

 private:
  [[nodiscard]] const Model& of(const Query& query) const;
  std::vector<std::unique_ptr<Model>> models_;
  uint64_t seed_;
  ModelInfo info_;
};

}  // namespace palate
