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

// The first `k` of a list that the filter lets through. False: there may be more behind it.
bool take_allowed(const SimilarTo& request, std::vector<Scored>& list) {
  const bool all = list.size() < NeighbourLists::kLength;
  std::erase_if(list, [&](const Scored& one) { return request.filter.blocks(one.item); });
  if (list.size() < request.k && !all) return false;
  list.resize(std::min(list.size(), request.k));
  return true;
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
                          .nearly_min = nearly_min(options_.nearly_from)}),
      neighbours_(items_.count) {}

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

NeighbourLists::Best ItemRetrieval::best_of(const SimilarTo& request) const {
  const bool nearly = request.nearly && items_.count >= nearly_min(options_.nearly_from);
  return nearly ? NeighbourLists::Best::kNearly : NeighbourLists::Best::kAll;
}

// Of known items. One more is looked for than is asked for: one is the item itself.
std::vector<std::vector<Scored>> ItemRetrieval::nearest(std::span<const SimilarTo> requests,
                                                        Scratch& scratch) const {
  scratch.floats.resize(requests.size() * dim());
  std::vector<ExactIndex::Query> queries;
  for (size_t r = 0; r < requests.size(); ++r) {
    const SimilarTo& request = requests[r];
    float* const vector = scratch.floats.data() + r * dim();
    std::copy_n(items_.row(request.item.value), dim(), vector);
    const float length = std::sqrt(dot(vector, vector, dim()));
    for (size_t d = 0; d < dim() && length > 0; ++d) vector[d] /= length;
    const size_t k = std::min(request.k, items_.count) + 1;
    queries.push_back({{vector, dim()}, request.filter.blocked, k, request.nearly});
  }
  const auto found = by_cosine_.top_k(queries);
  std::vector<std::vector<Scored>> lists(requests.size());
  for (size_t r = 0; r < requests.size(); ++r) {
    lists[r] = as_scored(found[r]);
    std::erase_if(lists[r], [&](const Scored& one) { return one.item == requests[r].item; });
    lists[r].resize(std::min(lists[r].size(), requests[r].k));
  }
  return lists;
}

// Out of the lists that are kept; what is in none is looked for without a filter first, and kept.
std::vector<Result<std::vector<Scored>>> ItemRetrieval::similar_batch(
    std::span<const SimilarTo> requests, Scratch& scratch) const {
  std::vector<Result<std::vector<Scored>>> out(requests.size());
  std::vector<SimilarTo> unfiltered, filtered;
  std::vector<size_t> new_to_us, left;  // the requests of both
  const auto leave = [&](size_t r) {
    left.push_back(r);
    filtered.push_back(requests[r]);
  };
  for (size_t r = 0; r < requests.size(); ++r) {
    const SimilarTo& request = requests[r];
    if (!knows(request.item)) {
      out[r] = std::unexpected(unknown(request.item));
    } else if (request.k <= NeighbourLists::kLength &&
               !neighbours_.find(request.item, best_of(request), *out[r])) {
      new_to_us.push_back(r);
      unfiltered.push_back({request.item, {}, NeighbourLists::kLength, request.nearly});
    } else if (request.k > NeighbourLists::kLength || !take_allowed(request, *out[r])) {
      leave(r);
    }
  }
  auto lists = nearest(unfiltered, scratch);
  for (size_t n = 0; n < lists.size(); ++n) {
    const size_t r = new_to_us[n];
    neighbours_.keep(requests[r].item, best_of(requests[r]), lists[n]);
    out[r] = std::move(lists[n]);
    if (!take_allowed(requests[r], *out[r])) leave(r);
  }
  lists = nearest(filtered, scratch);
  for (size_t n = 0; n < lists.size(); ++n) out[left[n]] = std::move(lists[n]);
  return out;
}

bool ItemRetrieval::item_vector(ItemIx item, std::span<float> out) const {
  if (!knows(item)) return false;
  std::copy_n(items_.row(item.value), factors_, out.begin());
  return true;
}

}  // namespace palate
