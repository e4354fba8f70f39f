// The exact index: the k items with the largest inner product or cosine, or the smallest distance,
// out of all of them. Most are looked at in 8 bits only (index/screened_rows.h), which changes no
// answer; where that does not help (few items, k near their number, a processor without the
// kernels) all are summed in fp32. Of a query whose filter leaves few items only those are.
//
// A query that says so gets nearly the best out of many items, for a part of the work.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "index/screened_rows.h"
#include "math/bf16_panels.h"
#include "math/stored_rows.h"
#include "math/top_k.h"

namespace palate {

enum class Similarity : uint8_t {
  kInnerProduct,
  kCosine,  // rows count as scaled to length 1, zeros stay; the caller scales the query if he wants
  kDistance,  // Euclidean: the score is minus the squared distance, so the nearest is the best
};

struct ExactIndexOptions {
  Similarity similarity = Similarity::kInnerProduct;
  std::vector<uint64_t> absent = {};  // one bit an item that no query gets; shorter means zeros
  // What looks at items in 8 bits; nullptr: nothing does.
  const ScreenKernel* kernel = screen_kernels().data();
  size_t screened_min = 512;  // items; fewer are faster in fp32
  // Items; from so many on queries may ask for nearly the best, and below they get the best.
  // Distances never do.
  size_t nearly_min = kNever;
  static constexpr size_t kNever = std::numeric_limits<size_t>::max();
};

// Immutable and thread-safe. Does not own the rows: they must outlive it.
class ExactIndex {
 public:
  // `rows`: one vector an item, of any dimension and width. Scores are those of the rows widened to
  // fp32, to the bit. Scales of rows must be positive; cosine does not read them.
  explicit ExactIndex(const StoredRows& rows, ExactIndexOptions options = {});

  struct Query {
    std::span<const float> vector;  // exactly dim(); anything else is a programmer's error
    std::span<const uint64_t> blocked;
    size_t k = 0;  // more than size() is as size()
    // Some of the k best may be missing, each for one that is worse; scores, order, filter and the
    // number of them are right all the same.
    bool nearly = false;
  };
  // Best first, ties by ascending item; fewer than k when fewer are left, and items whose score is
  // not a number or -infinity are left out. One answer a query. Many queries in one call are faster
  // a query than one by one, and give the same bits. Adds what was done to `counts`.
  [[nodiscard]] std::vector<std::vector<ScoredIndex>> top_k(std::span<const Query> queries,
                                                            ScanCounts* counts = nullptr) const;

  [[nodiscard]] size_t size() const { return rows_.count; }
  [[nodiscard]] size_t dim() const { return rows_.dim; }
  [[nodiscard]] size_t bytes() const;  // of memory beside the rows

 private:
  [[nodiscard]] StoredRows table() const;
  [[nodiscard]] size_t allowed(std::span<const uint64_t> blocked) const;
  void score_allowed(const PanelQuery& query) const;
  void scan_panels(std::span<PanelQuery> queries) const;
  void scan_in_fp32(std::span<PanelQuery> queries) const;
  void scan(std::span<PanelQuery> exactly, std::span<PanelQuery> nearly, ScanCounts& counts) const;

  StoredRows rows_;
  Measure measure_;
  std::vector<float> scale_;  // cosine: one over the length of each row
  std::vector<uint64_t> absent_;
  std::optional<ScreenedRows> screened_;
  // Only without screened_.
  FloatTable panels_;
  std::optional<Bf16Panels> bf16_;
};

}  // namespace palate
