#include "index/exact_index.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "math/panels.h"

namespace palate {
namespace {

std::vector<float> inverse_lengths(const RowsView& rows) {
  std::vector<float> out(rows.count, 1.0F);
  for (size_t i = 0; i < rows.count; ++i) {
    double square = 0;
    for (size_t d = 0; d < rows.dim; ++d) square += double{rows.row(i)[d]} * rows.row(i)[d];
    if (square > 0) out[i] = static_cast<float>(1.0 / std::sqrt(square));
  }
  return out;
}

}  // namespace

ExactIndex::ExactIndex(const RowsView& rows, ExactIndexOptions options)
    : rows_(rows), absent_(std::move(options.absent)) {
  if (options.similarity == Similarity::kCosine) scale_ = inverse_lengths(rows);
  if (options.kernel != nullptr && options.kernel->fast && rows.count >= options.screened_min) {
    screened_ = ScreenedRows::make(table(), absent_, *options.kernel);
  }
  if (screened_) return;
  panels_.resize((rows.count + kPanelItems - 1) / kPanelItems * kPanelItems * rows.dim);
  pack_panels(table(), 0, rows.count, panels_.data());
}

// Packs some panels at a time: this is for the few queries that 8 bits cannot answer.
void ExactIndex::scan_in_fp32(std::span<PanelQuery> queries) const {
  constexpr size_t kItems = 64 * kPanelItems;
  std::vector<float> packed(std::min(kItems, rows_.count + kPanelItems) * rows_.dim);
  for (size_t begin = 0; begin < rows_.count; begin += kItems) {
    const size_t end = std::min(begin + kItems, rows_.count);
    pack_panels(table(), begin, end, packed.data());
    const PanelTable part{packed.data(), end - begin, rows_.dim, absent_, begin};
    top_k_panels(part, queries, 0, (end - begin + kPanelItems - 1) / kPanelItems);
  }
}

std::vector<std::vector<ScoredIndex>> ExactIndex::top_k(std::span<const Query> queries,
                                                        ScanCounts* counts) const {
  std::vector<TopK> best;
  best.reserve(queries.size());
  std::vector<PanelQuery> asked;
  asked.reserve(queries.size());
  for (const Query& query : queries) {
    best.emplace_back(std::min(query.k, rows_.count));
    asked.push_back({query.vector, query.blocked, &best.back()});
  }
  if (screened_) {
    ScanCounts here;
    std::vector<PanelQuery> left;
    for (const size_t query : screened_->top_k(asked, here)) left.push_back(asked[query]);
    if (!left.empty()) scan_in_fp32(left);
    if (counts != nullptr) *counts += here;
  } else {
    const PanelTable table{panels_.data(), rows_.count, rows_.dim, absent_};
    top_k_panels(table, asked, 0, (rows_.count + kPanelItems - 1) / kPanelItems);
    if (counts != nullptr) *counts += {.queries = queries.size(), .in_fp32 = queries.size()};
  }
  std::vector<std::vector<ScoredIndex>> out;
  out.reserve(queries.size());
  for (TopK& top : best) out.push_back(top.take());
  return out;
}

size_t ExactIndex::bytes() const {
  return (screened_ ? screened_->bytes() : 0) + panels_.size() * sizeof(float) +
         scale_.size() * sizeof(float) + absent_.size() * sizeof(uint64_t);
}

}  // namespace palate
