#include <algorithm>

#include "recommend/candidate_likeness.h"
#include "recommend/stages/stages.h"

namespace palate::stages {
namespace {

struct Diversity {
  double strength = 0.2;
  int64_t places = 50;
  int64_t candidates = 500;
  static void fields(FieldVisitor<Diversity>& field) {
    field("strength", &Diversity::strength, {.min = 0, .max = 1},
          "0: relevance alone; 1: variety alone.");
    field("places", &Diversity::places,
          {.min = 1, .max = static_cast<double>(kDiversifiedMax), .unit = "items"},
          "So many places are filled with care.");
    field("candidates", &Diversity::candidates, {.min = 1, .max = 2000, .unit = "items"},
          "From so many of the best.");
  }
};

template <Diversifier kBy>
Status diversify(const Diversity& config, PipelineRun& run) {
  auto& items = run.pool.items;
  const size_t n = std::min({items.size(), run.pool.head, static_cast<size_t>(config.candidates)});
  if (n == 0) return {};
  std::vector<ItemIx> ids;
  std::vector<float> relevance;
  for (const PoolItem& one : std::span(items).first(n)) {
    ids.push_back(one.item);
    relevance.push_back(one.score);
  }
  const auto& loaded = run.draft.loaded;
  const LoadedModel* model = loaded.personal != nullptr ? loaded.personal : loaded.similar;
  const auto order =
      diversified(relevance, likeness_of(ids, model, run.items()),
                  {.by = kBy,
                   .strength = config.strength,
                   .count = std::min({n, static_cast<size_t>(config.places), run.places})});
  const std::vector<PoolItem> before(items.begin(), items.begin() + static_cast<ptrdiff_t>(n));
  for (size_t i = 0; i < n; ++i) items[i] = before[order[i]];
  return {};
}

}  // namespace

StageKind dpp_reranker() {
  return stage_kind<Diversity, diversify<Diversifier::kDpp>>(
      "dpp", StagePart::kReranker,
      "Variety over categories and vectors, by a determinantal point process.");
}

StageKind mmr_reranker() {
  return stage_kind<Diversity, diversify<Diversifier::kMmr>>(
      "mmr", StagePart::kReranker,
      "Variety over categories and vectors, by maximal marginal relevance.");
}

}  // namespace palate::stages
