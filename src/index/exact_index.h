// The exact index: the k items with the largest inner product, by looking at all of them. Right up
// to some hundred thousand items; beyond that a graph or quantized index answers sooner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "math/rows.h"
#include "math/top_k.h"

namespace palate {

// Immutable and thread-safe. Keeps its own copy of the vectors, laid out for scanning
// (math/panels.h); a quantized layout would replace only that copy.
class ExactIndex {
 public:
  // `rows`: one vector an item, of any dimension. `absent`: one bit an item, items that no query
  // may get (shorter means zeros).
  explicit ExactIndex(const RowsView& rows, std::vector<uint64_t> absent = {});

  struct Query {
    const float* vector = nullptr;  // dim() floats
    std::span<const uint64_t> blocked;
    size_t k = 0;
  };
  // Best first, ties by ascending item; fewer than k when fewer are left. One answer a query. Many
  // queries in one call are several times faster a query than one by one, and give the same bits.
  [[nodiscard]] std::vector<std::vector<ScoredIndex>> top_k(std::span<const Query> queries) const;

  [[nodiscard]] size_t size() const { return count_; }
  [[nodiscard]] size_t dim() const { return dim_; }

 private:
  size_t count_;
  size_t dim_;
  std::vector<uint64_t> absent_;
  std::vector<float> panels_;
};

// The rows scaled to length 1, for cosine; rows of zeros stay zeros.
std::vector<float> normalized(const RowsView& rows);

}  // namespace palate
