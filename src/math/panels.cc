#include "math/panels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/panels.cc"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
const hn::CappedTag<float, kPanelItems> kTag;
using Floats = hn::Vec<decltype(kTag)>;

HWY_INLINE bool has_bit(std::span<const uint64_t> bits, size_t i) {
  return i / 64 < bits.size() && (bits[i / 64] >> (i % 64) & 1) != 0;
}

// Offers one vector of scores, of the items from `first` on. Rarely called: most vectors hold
// nothing that beats the worst kept score.
HWY_NOINLINE void push_lanes(const PanelTable& table, const PanelQuery& query, size_t first,
                             const float* scores) {
  const size_t end = std::min(first + hn::Lanes(kTag), table.count);
  for (size_t item = first; item < end; ++item) {
    const float score = scores[item - first];
    if (!(score > query.best->threshold())) continue;
    if (has_bit(query.blocked, item) || has_bit(table.absent, item)) continue;
    query.best->push(score, static_cast<uint32_t>(item));
  }
}

// Panels at once: with the widest vectors there are registers for two, and each number of a query
// then serves both.
constexpr size_t kWide = hn::MaxLanes(kTag) == kPanelItems ? 2 : 1;

// sums[q][w] = the scores of kQueries queries with one vector of items of each of kPanels panels;
// the first one's begins at `items`.
template <size_t kQueries, size_t kPanels>
HWY_INLINE void score_tile(const float* HWY_RESTRICT items, size_t dim, const PanelQuery* queries,
                           Floats (&sums)[kQueries][kPanels]) {
  const float* HWY_RESTRICT vectors[kQueries];
#pragma GCC unroll 16
  for (size_t q = 0; q < kQueries; ++q) {
    vectors[q] = queries[q].vector;
#pragma GCC unroll 2
    for (size_t w = 0; w < kPanels; ++w) sums[q][w] = hn::Zero(kTag);
  }
  for (size_t d = 0; d < dim; ++d) {
    Floats item[kPanels];
#pragma GCC unroll 2
    for (size_t w = 0; w < kPanels; ++w) {
      item[w] = hn::LoadU(kTag, items + (w * dim + d) * kPanelItems);
    }
#pragma GCC unroll 16
    for (size_t q = 0; q < kQueries; ++q) {
      const Floats one = hn::Set(kTag, vectors[q][d]);
#pragma GCC unroll 2
      for (size_t w = 0; w < kPanels; ++w) sums[q][w] = hn::MulAdd(one, item[w], sums[q][w]);
    }
  }
}

template <size_t kQueries, size_t kPanels>
HWY_INLINE void select_tile(const PanelTable& table, const PanelQuery* queries, size_t panel) {
  const float* items = table.panels + panel * kPanelItems * table.dim;
  for (size_t lane = 0; lane < kPanelItems; lane += hn::Lanes(kTag)) {
    Floats sums[kQueries][kPanels];
    score_tile(items + lane, table.dim, queries, sums);
#pragma GCC unroll 2
    for (size_t w = 0; w < kPanels; ++w) {
      const size_t first = (panel + w) * kPanelItems + lane;
      if (first >= table.count) return;
#pragma GCC unroll 16
      for (size_t q = 0; q < kQueries; ++q) {
        const auto beats = hn::Gt(sums[q][w], hn::Set(kTag, queries[q].best->threshold()));
        if (HWY_LIKELY(hn::AllFalse(kTag, beats))) continue;
        HWY_ALIGN float scores[kPanelItems];
        hn::Store(sums[q][w], kTag, scores);
        push_lanes(table, queries[q], first, scores);
      }
    }
  }
}

template <size_t kQueries>
HWY_INLINE void select_panels(const PanelTable& table, const PanelQuery* queries, size_t begin,
                              size_t end) {
  size_t p = begin;
  for (; p + kWide <= end; p += kWide) select_tile<kQueries, kWide>(table, queries, p);
  for (; p < end; ++p) select_tile<kQueries, 1>(table, queries, p);
}

// Panels are walked in blocks that stay in the cache while all queries pass over them.
void top_k_panels_kernel(const PanelTable& table, std::span<PanelQuery> queries, size_t first_panel,
                         size_t end_panel) {
  constexpr size_t kBlockBytes = size_t{256} << 10, kGroup = 12;
  const size_t block = std::max<size_t>(1, kBlockBytes / (kPanelItems * table.dim * sizeof(float)));
  for (size_t begin = first_panel; begin < end_panel; begin += block) {
    const size_t end = std::min(begin + block, end_panel);
    size_t q = 0;
    for (; q + kGroup <= queries.size(); q += kGroup) {
      select_panels<kGroup>(table, &queries[q], begin, end);
    }
    for (; q + 4 <= queries.size(); q += 4) {
      select_panels<4>(table, &queries[q], begin, end);
    }
    for (; q < queries.size(); ++q) {
      select_panels<1>(table, &queries[q], begin, end);
    }
  }
}

void score_panel_kernel(const float* panel, const float* query, size_t dim, float* out) {
  const PanelQuery one{query, {}, nullptr};
  for (size_t lane = 0; lane < kPanelItems; lane += hn::Lanes(kTag)) {
    Floats sum[1][1];
    score_tile(panel + lane, dim, &one, sum);
    hn::StoreU(sum[0][0], kTag, out + lane);
  }
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(top_k_panels_kernel);
HWY_EXPORT(score_panel_kernel);

void top_k_panels(const PanelTable& table, std::span<PanelQuery> queries, size_t first_panel,
                  size_t end_panel) {
  HWY_DYNAMIC_DISPATCH(top_k_panels_kernel)(table, queries, first_panel, end_panel);
}

void score_panel(const float* panel, const float* query, size_t dim, float* out) {
  HWY_DYNAMIC_DISPATCH(score_panel_kernel)(panel, query, dim, out);
}

void pack_panel(const RowsView& table, std::span<const uint32_t> index, float* out) {
  std::fill_n(out, kPanelItems * table.dim, 0.0F);
  for (size_t i = 0; i < index.size(); ++i) {
    const float* row = table.row(index[i]);
    for (size_t d = 0; d < table.dim; ++d) out[d * kPanelItems + i] = row[d];
  }
}

std::vector<float> pack_panels(const RowsView& rows) {
  const size_t panels = (rows.count + kPanelItems - 1) / kPanelItems;
  std::vector<float> out(panels * kPanelItems * rows.dim, 0.0F);
  for (size_t i = 0; i < rows.count; ++i) {
    float* to = out.data() + i / kPanelItems * kPanelItems * rows.dim + i % kPanelItems;
    for (size_t d = 0; d < rows.dim; ++d) to[d * kPanelItems] = rows.row(i)[d];
  }
  return out;
}

}  // namespace palate
#endif
