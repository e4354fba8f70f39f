// The loops of math/panels.h, over any kind of panels: tiles of queries and panels whose sums stay
// in registers, and what beats a query's worst kept score. Included once for every instruction set
// (Highway's -inl convention).
#if defined(PALATE_MATH_PANELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef PALATE_MATH_PANELS_INL
#undef PALATE_MATH_PANELS_INL
#else
#define PALATE_MATH_PANELS_INL
#endif

#include <algorithm>

#include <hwy/highway.h>

#include "math/panels.h"

HWY_BEFORE_NAMESPACE();
namespace palate::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
const hn::CappedTag<float, kPanelItems> kTag;
using Floats = hn::Vec<decltype(kTag)>;

// One more dimension in the sum of a score (of its negative, for distances).
template <Measure kMeasure, class V>
HWY_INLINE V add_dimension(V query, V item, V sum) {
  if constexpr (kMeasure == Measure::kProduct) {
    return hn::MulAdd(query, item, sum);
  } else {
    const V off = hn::Sub(query, item);
    return hn::NegMulAdd(off, off, sum);
  }
}

// Offers one vector of scores, of the items from `first` on. Rarely called: most vectors hold
// nothing that beats the worst kept score.
inline HWY_NOINLINE void push_lanes(const PanelTable& table, const PanelQuery& query, size_t first,
                                    const float* scores) {
  const size_t lanes = std::min(hn::Lanes(kTag), table.count - first);
  const size_t panel = first / kPanelItems * kPanelItems;
  const uint32_t allowed = allowed_of_panel(table, query, panel) >> (first - panel);
  for (size_t i = 0; i < lanes; ++i) {
    if (!(scores[i] > query.best->threshold()) || (allowed >> i & 1) == 0) continue;
    query.best->push(scores[i], static_cast<uint32_t>(table.first_item + first + i));
  }
}

// sums[q][w] = the scores of kQueries queries with one vector of items of each of kPanels panels;
// the first one's begins at `items`.
template <Measure kMeasure, size_t kQueries, size_t kPanels, class Panels>
HWY_INLINE void score_tile(const Panels& panels, const PanelQuery* queries,
                           const typename Panels::Number* items,
                           Floats (&sums)[kQueries][kPanels]) {
  const float* HWY_RESTRICT vectors[kQueries];
  const size_t dim = panels.table.dim, apart = panels.panel_bytes() / sizeof(*items);
#pragma GCC unroll 16
  for (size_t q = 0; q < kQueries; ++q) {
    vectors[q] = queries[q].vector;
#pragma GCC unroll 2
    for (size_t w = 0; w < kPanels; ++w) sums[q][w] = hn::Zero(kTag);
  }
  const auto add = [&]<size_t kPart>(size_t d) HWY_ATTR {
    Floats item[kPanels];
#pragma GCC unroll 2
    for (size_t w = 0; w < kPanels; ++w) {
      item[w] = Panels::template load<kPart>(items + w * apart, d);
    }
#pragma GCC unroll 16
    for (size_t q = 0; q < kQueries; ++q) {
      const Floats one = hn::Set(kTag, vectors[q][d]);
#pragma GCC unroll 2
      for (size_t w = 0; w < kPanels; ++w) {
        sums[q][w] = add_dimension<kMeasure>(one, item[w], sums[q][w]);
      }
    }
  };
  if constexpr (Panels::kTogether == 1) {
    for (size_t d = 0; d < dim; ++d) add.template operator()<0>(d);
  } else {
    for (size_t d = 0; d + 1 < dim; d += 2) {
      add.template operator()<0>(d);
      add.template operator()<1>(d + 1);
    }
    if (dim % 2 != 0) add.template operator()<0>(dim - 1);
  }
}

template <Measure kMeasure, size_t kQueries, size_t kPanels, class Panels>
HWY_INLINE void select_tile(const Panels& panels, const PanelQuery* queries, size_t panel) {
  for (size_t lane = 0; lane < kPanelItems; lane += hn::Lanes(kTag)) {
    Floats sums[kQueries][kPanels];
    score_tile<kMeasure>(panels, queries, panels.panel(panel) + lane, sums);
#pragma GCC unroll 2
    for (size_t w = 0; w < kPanels; ++w) {
      const size_t first = (panel + w) * kPanelItems + lane;
      if (first >= panels.table.count) return;
#pragma GCC unroll 16
      for (size_t q = 0; q < kQueries; ++q) {
        const auto beats = hn::Gt(sums[q][w], hn::Set(kTag, queries[q].best->threshold()));
        if (HWY_LIKELY(hn::AllFalse(kTag, beats))) continue;
        HWY_ALIGN float scores[kPanelItems];
        hn::Store(sums[q][w], kTag, scores);
        push_lanes(panels.table, queries[q], first, scores);
      }
    }
  }
}

// One query reads memory as one stream, which is the fastest way; what its filter blocks whole is
// not read.
template <Measure kMeasure, class Panels>
HWY_INLINE void select_one(const Panels& panels, const PanelQuery& query, size_t begin,
                           size_t end) {
  const bool filtered = !query.blocked.empty() || !panels.table.absent.empty();
  for (size_t p = begin; p < end; ++p) {
    if (filtered && allowed_of_panel(panels.table, query, p * kPanelItems) == 0) continue;
    select_tile<kMeasure, 1, 1>(panels, &query, p);
  }
}

// Panels at once: with the widest vectors there are registers for two, and each number of a query
// then serves both.
constexpr size_t kWide = hn::MaxLanes(kTag) == kPanelItems ? 2 : 1;

template <Measure kMeasure, size_t kQueries, class Panels>
HWY_INLINE void select_panels(const Panels& panels, const PanelQuery* queries, size_t begin,
                              size_t end) {
  size_t p = begin;
  for (; p + kWide <= end; p += kWide) {
    select_tile<kMeasure, kQueries, kWide>(panels, queries, p);
  }
  for (; p < end; ++p) select_tile<kMeasure, kQueries, 1>(panels, queries, p);
}

// Panels are walked in blocks that stay in the cache while all queries pass over them.
template <Measure kMeasure, class Panels>
HWY_INLINE void select_all(const Panels& panels, std::span<const PanelQuery> queries,
                           size_t first_panel, size_t end_panel) {
  constexpr size_t kBlockBytes = size_t{256} << 10, kGroup = 12;
  const size_t block = std::max<size_t>(1, kBlockBytes / std::max<size_t>(1, panels.panel_bytes()));
  for (size_t begin = first_panel; begin < end_panel; begin += block) {
    const size_t end = std::min(begin + block, end_panel);
    size_t q = 0;
    for (; q + kGroup <= queries.size(); q += kGroup) {
      select_panels<kMeasure, kGroup>(panels, &queries[q], begin, end);
    }
    for (; q + 4 <= queries.size(); q += 4) {
      select_panels<kMeasure, 4>(panels, &queries[q], begin, end);
    }
    for (; q < queries.size(); ++q) select_one<kMeasure>(panels, queries[q], begin, end);
  }
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
