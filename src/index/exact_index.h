// The exact index: the k items with the largest inner product (or cosine), out of all of them. Most
// are looked at in 8 bits only (index/screened_rows.h), which changes no answer; where that does
// not help (few items, k near their number, a processor without the kernels) all are in fp32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "index/screened_rows.h"
#include "math/rows.h"
#include "math/top_k.h"

namespace palate {

enum class Similarity : uint8_t {
  kInnerProduct,
  kCosine,  // rows count as scaled to length 1, zeros stay; the caller scales the query if he wants
};

struct ExactIndexOptions {
  Similarity similarity = Similarity::kInnerProduct;
  std::vector<uint64_t> absent = {};  // one bit an item that no query gets; shorter means zeros
  // What looks at items in 8 bits; nullptr: nothing does.
  const ScreenKernel* kernel = screen_kernels().data();
  size_t screened_min = 512;  // items; fewer are faster in fp32
};

// Immutable and thread-safe. Does not own the rows: they must outlive it.
class ExactIndex {
 public:
  // `rows`: one vector an item, of any dimension.
  explicit ExactIndex(const RowsView& rows, ExactIndexOptions options = {});

  struct Query {
    const float* vector = nullptr;  // dim() floats
    std::span<const uint64_t> blocked;
    size_t k = 0;
  };
  // Best first, ties by ascending item; fewer than k when fewer are left. One answer a query. Many
  // queries in one call are faster a query than one by one, and give the same bits. Adds what was
  // done to `counts`.
  [[nodiscard]] std::vector<std::vector<ScoredIndex>> top_k(std::span<const Query> queries,
                                                            ScanCounts* counts = nullptr) const;

  [[nodiscard]] size_t size() const { return rows_.count; }
  [[nodiscard]] size_t dim() const { return rows_.dim; }
  [[nodiscard]] size_t bytes() const;  // of memory beside the rows

 private:
  [[nodiscard]] ScaledRows table() const {
    return {rows_, scale_.empty() ? nullptr : scale_.data()};
  }
  void scan_in_fp32(std::span<PanelQuery> queries) const;

  RowsView rows_;
  std::vector<float> scale_;  // cosine: one over the length of each row
  std::vector<uint64_t> absent_;
  std::optional<ScreenedRows> screened_;
  std::vector<float> panels_;  // math/panels.h; only without screened_
};

}  // namespace palate
