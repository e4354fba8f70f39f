// Retrieval of a model whose score is the inner product of a user's vector and an item's: lists,
// scores and what is like an item, out of a table of item vectors. What als and two_tower serve by;
// they differ in where a user's vector comes from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "index/exact_index.h"
#include "math/rows.h"
#include "models/model.h"
#include "models/neighbour_lists.h"

namespace palate {

class ItemRetrieval {
 public:
  struct Options {
    std::span<const uint32_t> seen;  // by item; one with 0 is never listed. Must outlive it
    int64_t nearly_from = 0;         // items from which requests may get nearly the best; 0: never
    std::string who;                 // for messages: "als 000003"
  };
  // `vectors`: items × factors, which must outlive it.
  ItemRetrieval(const RowsView& vectors, Options options);

  // Length of a user's vector here: factors and padding, zeros.
  [[nodiscard]] size_t dim() const { return items_.dim; }
  [[nodiscard]] size_t factors() const { return factors_; }
  [[nodiscard]] size_t items() const { return items_.count; }
  [[nodiscard]] const RowsView& rows() const { return items_; }
  [[nodiscard]] bool knows(ItemIx item) const {
    return item.value < options_.seen.size() && options_.seen[item.value] > 0;
  }
  [[nodiscard]] Error unknown(ItemIx item) const;
  // scores[i] of items[i]; as Model::score().
  void score(const float* user, std::span<const ItemIx> items, std::span<float> scores,
             Scratch& scratch) const;
  // A row of items() scores a user; `users` has dim() floats each.
  void score_batch(std::span<const float> users, std::span<float> scores) const;
  // Lists of requests; `user_of(query, vector)` writes dim() floats, or says that there are none.
  template <class UserOf>
  std::vector<std::vector<Scored>> top_k(std::span<const TopKRequest> requests, Scratch& scratch,
                                         const UserOf& user_of) const {
    scratch.floats.resize(requests.size() * dim());
    std::vector<ExactIndex::Query> queries;
    std::vector<size_t> asked;  // the request of each query
    for (size_t r = 0; r < requests.size(); ++r) {
      float* vector = scratch.floats.data() + r * dim();
      if (!user_of(requests[r].query, vector)) continue;  // nothing personal: an empty list
      queries.push_back(
          {{vector, dim()}, requests[r].filter.blocked, requests[r].k, requests[r].nearly});
      asked.push_back(r);
    }
    return lists(queries, asked, requests.size());
  }
  // By cosine; as Model::similar_batch(). An item that was asked about before is answered from the
  // list that was kept of it, where that holds enough of what the filter lets through.
  std::vector<Result<std::vector<Scored>>> similar_batch(std::span<const SimilarTo> requests,
                                                         Scratch& scratch) const;
  // As Model::item_vector().
  bool item_vector(ItemIx item, std::span<float> out) const;

 private:
  [[nodiscard]] std::vector<std::vector<Scored>> lists(std::span<const ExactIndex::Query> queries,
                                                       std::span<const size_t> asked,
                                                       size_t requests) const;
  [[nodiscard]] NeighbourLists::Best best_of(const SimilarTo& request) const;
  [[nodiscard]] std::vector<std::vector<Scored>> nearest(std::span<const SimilarTo> requests,
                                                         Scratch& scratch) const;

  Options options_;
  size_t factors_;
  std::vector<float> own_;  // without padding the vectors stay where they are
  RowsView items_;
  ExactIndex by_score_, by_cosine_;
  mutable NeighbourLists neighbours_;
};

}  // namespace palate
