#include "index/exact_index.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "math/panels.h"

namespace palate {

ExactIndex::ExactIndex(const RowsView& rows, std::vector<uint64_t> absent)
    : count_(rows.count), dim_(rows.dim), absent_(std::move(absent)), panels_(pack_panels(rows)) {}

std::vector<std::vector<ScoredIndex>> ExactIndex::top_k(std::span<const Query> queries) const {
  std::vector<TopK> best;
  best.reserve(queries.size());
  std::vector<PanelQuery> asked;
  asked.reserve(queries.size());
  for (const Query& query : queries) {
    best.emplace_back(std::min(query.k, count_));
    asked.push_back({query.vector, query.blocked, &best.back()});
  }
  const size_t panels = (count_ + kPanelItems - 1) / kPanelItems;
  top_k_panels({panels_.data(), count_, dim_, absent_}, asked, 0, panels);
  std::vector<std::vector<ScoredIndex>> out;
  out.reserve(queries.size());
  for (TopK& top : best) out.push_back(top.take());
  return out;
}

std::vector<float> normalized(const RowsView& rows) {
  std::vector<float> out(rows.data, rows.data + rows.count * rows.dim);
  for (size_t i = 0; i < rows.count; ++i) {
    float* row = out.data() + i * rows.dim;
    double square = 0;
    for (size_t d = 0; d < rows.dim; ++d) square += double{row[d]} * row[d];
    if (square == 0) continue;
    const auto inverse = static_cast<float>(1.0 / std::sqrt(square));
    for (size_t d = 0; d < rows.dim; ++d) row[d] *= inverse;
  }
  return out;
}

}  // namespace palate
