#include "models/model.h"

#include <algorithm>
#include <utility>

#include "math/top_k.h"

namespace palate {

void Model::score_all(const Query& query, std::span<float> scores, Scratch& scratch) const {
  std::vector<ItemIx> items(scores.size());
  for (uint32_t i = 0; i < items.size(); ++i) items[i] = {i};
  score(query, items, scores, scratch);
}

void Model::score_batch(std::span<const Query> queries, std::span<float> scores,
                        Scratch& scratch) const {
  const size_t items = info().items;
  for (size_t q = 0; q < queries.size(); ++q) {
    score_all(queries[q], scores.subspan(q * items, items), scratch);
  }
}

std::vector<Result<std::vector<Scored>>> Model::similar_batch(std::span<const SimilarTo> requests,
                                                              Scratch&) const {
  const Result<std::vector<Scored>> none =
      fail(Code::kUnavailable, "model '{}' has no similar items; als has", info().kind);
  return std::vector(requests.size(), none);
}

Result<std::vector<Scored>> Model::similar(ItemIx item, size_t k, const ItemFilter& filter,
                                           Scratch& scratch) const {
  const SimilarTo request{item, filter, k};
  return std::move(similar_batch({&request, 1}, scratch).front());
}

Result<std::vector<Contribution>> Model::explain(const Query&, ItemIx, size_t, Scratch&) const {
  return fail(Code::kUnavailable, "model '{}' does not explain its answers; als does", info().kind);
}

bool Model::item_vector(ItemIx, std::span<float>) const { return false; }

Result<std::vector<float>> Model::user_vector(const Query&, Scratch&) const {
  return fail(Code::kUnavailable, "model '{}' has no user vectors; als has", info().kind);
}

std::vector<Scored> best_of(std::span<const float> scores, std::span<const uint64_t> absent,
                            const TopKRequest& request) {
  TopK best(std::min(request.k, scores.size()));
  for (size_t i = 0; i < scores.size(); ++i) {
    // Ascending items: one that only equals the worst kept comes too late.
    if (!(scores[i] > best.threshold()) && best.threshold() != kUnknownScore) continue;
    const auto item = static_cast<uint32_t>(i);
    if ((absent[i / 64] >> (i % 64) & 1) != 0 || request.filter.blocks({item})) continue;
    best.push(scores[i], item);
  }
  std::vector<Scored> out;
  for (const ScoredIndex& entry : best.take()) out.push_back({{entry.index}, entry.score});
  return out;
}

}  // namespace palate
