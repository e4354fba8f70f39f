// Exact search, most of it in 8 bits. Items and query are rounded to codes; sums of products of
// codes say what an inner product can be at most:
//   |q·x − q̂·x̂| ≤ ‖q‖ ‖x − x̂‖ + ‖q − q̂‖ ‖x̂‖                               (Cauchy-Schwarz)
// plus what fp32 rounds away when it sums dim products in order (Higham, "Accuracy and Stability of
// Numerical Algorithms", section 3.1). What may be among the k best is scored in fp32 as
// math/panels.h does it, so the answer is the same items, in the same order, with the same bits.
//
// Distances: ‖q − x‖² = ‖q‖² + ‖x‖² − 2 q·x, with ‖x‖² between those of the shortest and the
// longest item of the block. That is a bound only; the answer's distances are never expanded so.
//
// Items are kept by descending length: blocks of some hundred have one step of rounding and one
// bound, and the scan ends where ‖q‖ ‖x‖ is below the k-th best ("LEMP", Teflioudi, Gemulla,
// Mykytiuk, SIGMOD 2015, section 3.1).
//
// Nearly the best: where rows are gathered (index/gathered_order.h), a block also knows the mean m
// of its rows and how they spread: s_c along each of some principal components, v_d in each
// dimension besides. Were that normal, q·x of its rows would have the mean q·m and the variance
// Σ (q·s_c)² + Σ q_d² v_d. Blocks are looked at by what they reach within some standard deviations,
// the best first, until that is below the k-th best found: "Optimistic Query Routing in
// Clustering-based Approximate Maximum Inner Product Search" (Bruch, Krishnan, Nardini, NeurIPS
// 2025), with an end that follows from k and the filter instead of a number of probes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "math/panels.h"
#include "math/screen.h"
#include "math/table.h"

namespace palate {

// Of one call.
struct ScanCounts {
  size_t queries = 0;
  size_t in_fp32 = 0;   // of the queries: scanned in fp32, because 8 bits would have said little
  size_t few = 0;       // of the queries: what their filter left was scored, and nothing else
  size_t nearly = 0;    // of the queries: answered from the most promising blocks
  size_t screened = 0;  // sums in 8 bits
  size_t rescored = 0;  // scores in fp32 of queries not in_fp32

  ScanCounts& operator+=(const ScanCounts& more) {
    queries += more.queries;
    in_fp32 += more.in_fp32;
    few += more.few;
    nearly += more.nearly;
    screened += more.screened;
    rescored += more.rescored;
    return *this;
  }
};

// Immutable and thread-safe. Does not own the rows: they must outlive it.
class ScreenedRows {
 public:
  // `absent`: one bit an item that no query gets (shorter means zeros). Nothing when codes cannot
  // stand for these rows: values that are not finite, or more than kScreenDimMax dimensions.
  struct Options {
    Measure measure = Measure::kProduct;
    const ScreenKernel* kernel = nullptr;
    double trust =
        1;  // in the bound; below 1 answers may be wrong, which is for tests of the tests
    bool gathered = false;  // for nearly_top_k(); products only
  };
  static std::optional<ScreenedRows> make(const StoredRows& table, std::span<const uint64_t> absent,
                                          const Options& options);

  // Fills each query's TopK, which must be empty. Returns the numbers of the queries that it leaves
  // alone, TopK untouched: those that no bound holds for (zero, not finite, far too large), and
  // those for which too many items would have to be scored again.
  std::vector<size_t> top_k(std::span<const PanelQuery> queries, ScanCounts& counts) const;

  // The same of most of the best: every score is exact, and some of the k best may be missing, each
  // for one that is worse. The filter is kept to, and k are found where so many are allowed.
  // Requires gathered().
  std::vector<size_t> nearly_top_k(std::span<const PanelQuery> queries, ScanCounts& counts) const;

  [[nodiscard]] bool gathered() const { return !means_.empty(); }
  [[nodiscard]] size_t bytes() const;  // of memory

 private:
  friend class ScreenedScan;
  static constexpr size_t kBlockUnits = 8;
  static constexpr size_t kBlockItems = kBlockUnits * kUnitItems;

  // Of the items of one block.
  struct Block {
    float step = 0;
    double lost = 0;    // ‖x − x̂‖ at most, and what fp32 may round away of a score with ‖q‖ = 1
    double length = 0;  // ‖x‖ and ‖x̂‖ at most
    double shortest = 0, longest = 0;  // ‖x‖ at least and at most
  };

  ScreenedRows(const StoredRows& table, const Options& options)
      : table_(table), options_(options) {}
  bool sort_items(std::span<const uint64_t> absent);
  void quantize_block(size_t block);
  void describe_block(size_t block);
  [[nodiscard]] std::span<const uint32_t> items_of(size_t block) const;

  StoredRows table_;
  Options options_;
  std::vector<uint32_t> order_;  // the item of each place
  std::vector<Block> blocks_;
  double longest_ = 0;  // of any block: ‖x‖ and ‖x̂‖ at most
  // Of gathered rows, rows of padded(dim): a mean a block, kComponents times how far its rows
  // spread along a component, and the variance of each dimension besides.
  static constexpr size_t kComponents = 4;
  FloatTable means_, components_, variances_;
  std::vector<uint8_t, TableAllocator<uint8_t>> codes_;  // math/screen.h, by place
};

}  // namespace palate
