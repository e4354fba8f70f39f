#include "models/item_retrieval.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "math/panels.h"
#include "models/taste_row.h"

namespace palate {
namespace {

// `rows` × `from` floats into rows × `to`, filled up with zeros.
std::vector<float> widened(const RowsView& rows, size_t to) {
  std::vector<float> out(rows.count * to, 0.0F);
  for (size_t i = 0; i < rows.count; ++i) {
    std::copy_n(rows.data + i * rows.dim, rows.dim, out.data() + i * to);
  }
  return out;
}

std::vector<Scored> as_scored(std::span<const ScoredIndex> list) {
  std::vector<Scored> out;
  out.reserve(list.size());
  for (const ScoredIndex& entry : list) out.push_back({ItemIx{entry.index}, entry.score});
  return out;
}

size_t nearly_min(int64_t from) {
  return from > 0 ? static_cast<size_t>(from) : ExactIndexOptions::kNever;
}

}  // namespace

ItemRetrieval::ItemRetrieval(const RowsView& vectors, Options options)
    : options_(std::move(options)),
      factors_(vectors.dim),
      own_(padded(factors_) == factors_ ? std::vector<float>{}
                                        : widened(vectors, padded(factors_))),
      items_{own_.empty() ? vectors.data : own_.data(), vectors.count, padded(factors_)},
      by_score_(items_, {.absent = never_seen(options_.seen),
                         .nearly_min = nearly_min(options_.nearly_from)}),
      by_cosine_(items_, {.similarity = Similarity::kCosine,
                          .absent = never_seen(options_.seen),
                          .nearly_min = nearly_min(options_.nearly_from)}) {}

Error ItemRetrieval::unknown(ItemIx item) const {
  return Error{Code::kNotFound,
               fmt::format("item {} has no training interaction in {}", item.value, options_.who)};
}

void ItemRetrieval::score(const float* user, std::span<const ItemIx> items, std::span<float> scores,
                          Scratch& scratch) const {
  scratch.indices.resize(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    scratch.indices[i] = knows(items[i]) ? items[i].value : 0;
  }
  score_rows(items_, scratch.indices, {user}, scores.data());
  for (size_t i = 0; i < items.size(); ++i) {
    if (!knows(items[i])) scores[i] = kUnknownScore;
  }
}

void ItemRetrieval::score_batch(std::span<const float> users, std::span<float> scores) const {
  constexpr size_t kBlockBytes = size_t{256} << 10;  // stays in a second-level cache
  const size_t count = users.size() / dim();
  const size_t step = std::max<size_t>(1, kBlockBytes / (dim() * sizeof(float)));
  for (size_t first = 0; first < items_.count; first += step) {
    const RowsView block{items_.row(first), std::min(step, items_.count - first), dim()};
    for (size_t q = 0; q < count; ++q) {
      rows_dot(block, users.data() + q * dim(), scores.data() + q * items_.count + first);
    }
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    if (options_.seen[i % items_.count] == 0) scores[i] = kUnknownScore;
  }
}

std::vector<std::vector<Scored>> ItemRetrieval::lists(std::span<const ExactIndex::Query> queries,
                                                      std::span<const size_t> asked,
                                                      size_t requests) const {
  const auto found = by_score_.top_k(queries);
  std::vector<std::vector<Scored>> out(requests);
  for (size_t q = 0; q < asked.size(); ++q) out[asked[q]] = as_scored(found[q]);
  return out;
}

// One more than asked for, of which one is the item itself.
std::vector<Result<std::vector<Scored>>> ItemRetrieval::similar_batch(
    std::span<const SimilarTo> requests, Scratch& scratch) const {
  scratch.floats.resize(requests.size() * dim());
  std::vector<ExactIndex::Query> queries;
  std::vector<size_t> asked;  // the request of each query
  std::vector<Result<std::vector<Scored>>> out(requests.size());
  for (size_t r = 0; r < requests.size(); ++r) {
    const SimilarTo& request = requests[r];
    if (!knows(request.item)) {
      out[r] = std::unexpected(unknown(request.item));
      continue;
    }
    float* const vector = scratch.floats.data() + r * dim();
    std::copy_n(items_.row(request.item.value), dim(), vector);
    const float length = std::sqrt(dot(vector, vector, dim()));
    for (size_t d = 0; d < dim() && length > 0; ++d) vector[d] /= length;
    const size_t k = std::min(request.k, items_.count) + 1;
    queries.push_back({{vector, dim()}, request.filter.blocked, k, request.nearly});
    asked.push_back(r);
  }
  const auto found = by_cosine_.top_k(queries);
  for (size_t q = 0; q < asked.size(); ++q) {
    const SimilarTo& request = requests[asked[q]];
    std::vector<Scored> list = as_scored(found[q]);
    std::erase_if(list, [&](const Scored& one) { return one.item == request.item; });
    list.resize(std::min(list.size(), request.k));
    out[asked[q]] = std::move(list);
  }
  return out;
}

bool ItemRetrieval::item_vector(ItemIx item, std::span<float> out) const {
  if (!knows(item)) return false;
  std::copy_n(items_.row(item.value), factors_, out.begin());
  return true;
}

}  // namespace palate
