#include "models/popularity/popularity.h"

#include <algorithm>

namespace palate {
namespace {

class Popularity final : public Model {
 public:
  Popularity(std::shared_ptr<const Artefact> artefact, std::span<const float> scores,
             std::span<const uint32_t> order)
      : artefact_(std::move(artefact)), scores_(scores), order_(order) {
    info_.kind = artefact_->manifest().kind;
    info_.cold_users = true;
    info_.version = artefact_->manifest().version;
    info_.items = scores.size();
  }

  const ModelInfo& info() const override { return info_; }
  bool can_answer(const Query&) const override { return !order_.empty(); }

  void score(const Query&, std::span<const ItemIx> items, std::span<float> scores,
             Scratch&) const override {
    for (size_t i = 0; i < items.size(); ++i) {
      const uint32_t item = items[i].value;
      scores[i] = item < scores_.size() ? scores_[item] : kUnknownScore;
    }
  }

  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests,
                                         Scratch&) const override {
    std::vector<std::vector<Scored>> answers(requests.size());
    for (size_t r = 0; r < requests.size(); ++r) {
      std::vector<Scored>& answer = answers[r];
      answer.reserve(std::min(requests[r].k, order_.size()));
      for (uint32_t item : order_) {
        if (answer.size() == requests[r].k) break;
        if (!requests[r].filter.blocks({item})) answer.push_back({{item}, scores_[item]});
      }
    }
    return answers;
  }

 private:
  std::shared_ptr<const Artefact> artefact_;
  std::span<const float> scores_;    // [items]; kUnknownScore without a training interaction
  std::span<const uint32_t> order_;  // the known items, best first
  ModelInfo info_;
};

// The checksum says that the bytes are as written; this says that they mean what top_k() relies on.
Status check_order(std::span<const float> scores, std::span<const uint32_t> order,
                   const Path& path) {
  for (size_t i = 0; i < order.size(); ++i) {
    const bool in_range = order[i] < scores.size();
    const bool sorted =
        i == 0 ||
        (in_range && (scores[order[i - 1]] > scores[order[i]] ||
                      (scores[order[i - 1]] == scores[order[i]] && order[i - 1] < order[i])));
    if (!in_range || !sorted) {
      return fail(Code::kCorrupt, "{}: tensor 'order' is not sorted at {}; train again",
                  path.string(), i);
    }
  }
  return {};
}

}  // namespace

void PopularityConfig::fields(FieldVisitor<PopularityConfig>& field) {
  field("half_life_s", &PopularityConfig::half_life_s,
        {.min = 0, .max = 1e10, .unit = "s", .tune = false},
        "After this time an event counts half; 0 counts all alike.");
}

Result<std::unique_ptr<Model>> load_popularity(std::shared_ptr<const Artefact> artefact) {
  const auto scores = TRY(artefact->vector<float>("scores"));
  const auto order = TRY(artefact->vector<uint32_t>("order"));
  if (scores.size() != artefact->manifest().items) {
    return fail(Code::kCorrupt, "{}: tensor 'scores' has {} items, the manifest {}; train again",
                artefact->path().string(), scores.size(), artefact->manifest().items);
  }
  TRY(check_order(scores, order, artefact->path()));
  return std::make_unique<Popularity>(std::move(artefact), scores, order);
}

}  // namespace palate
