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
  for (size_t i = first; i < end; ++i) {
    const float score = scores[i - first];
    const size_t item = table.first_item + i;
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

// One row a sum, kRows sums on their way at once. A lane of one keeps the order of score_tile, and
// its rounding: fused where the instruction set fuses.
template <size_t kRows, bool kScaled>
HWY_INLINE void score_some_rows(const ScaledRows& table, const uint32_t* index,
                                const float* HWY_RESTRICT query, float* HWY_RESTRICT out) {
  const hn::CappedTag<float, 1> one;
  using Float = hn::Vec<decltype(one)>;
  const float* rows[kRows];
  Float sums[kRows], scales[kRows];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
    rows[r] = table.rows.row(index[r]);
    sums[r] = hn::Zero(one);
    scales[r] = hn::Set(one, kScaled ? table.scale[index[r]] : 1.0F);
  }
  for (size_t d = 0; d < table.rows.dim; ++d) {
    const Float of_query = hn::LoadU(one, query + d);
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      Float of_row = hn::LoadU(one, rows[r] + d);
      if constexpr (kScaled) of_row = hn::Mul(of_row, scales[r]);
      sums[r] = hn::MulAdd(of_query, of_row, sums[r]);
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) hn::StoreU(sums[r], one, out + r);
}

template <bool kScaled>
HWY_INLINE void score_all_rows(const ScaledRows& table, std::span<const uint32_t> index,
                               const float* query, float* out) {
  // Rows lie anywhere: those of the next turns are on their way while these are added up.
  constexpr size_t kAhead = 16, kLine = 64 / sizeof(float);
  const auto ask_for = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < std::min(end, index.size()); ++i) {
      const float* row = table.rows.row(index[i]);
      for (size_t d = 0; d < table.rows.dim; d += kLine) __builtin_prefetch(row + d);
    }
  };
  ask_for(0, kAhead);
  size_t i = 0;
  for (; i + 8 <= index.size(); i += 8) {
    ask_for(i + kAhead, i + kAhead + 8);
    score_some_rows<8, kScaled>(table, &index[i], query, out + i);
  }
  for (; i < index.size(); ++i) score_some_rows<1, kScaled>(table, &index[i], query, out + i);
}

void score_rows_kernel(const ScaledRows& table, std::span<const uint32_t> index, const float* query,
                       float* out) {
  if (table.scale != nullptr) {
    score_all_rows<true>(table, index, query, out);
  } else {
    score_all_rows<false>(table, index, query, out);
  }
}

}  // namespace palate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace palate {

HWY_EXPORT(top_k_panels_kernel);
HWY_EXPORT(score_rows_kernel);

void top_k_panels(const PanelTable& table, std::span<PanelQuery> queries, size_t first_panel,
                  size_t end_panel) {
  HWY_DYNAMIC_DISPATCH(top_k_panels_kernel)(table, queries, first_panel, end_panel);
}

void score_rows(const ScaledRows& table, std::span<const uint32_t> index, const float* query,
                float* out) {
  HWY_DYNAMIC_DISPATCH(score_rows_kernel)(table, index, query, out);
}

void pack_panels(const ScaledRows& table, size_t begin, size_t end, float* out) {
  const size_t dim = table.rows.dim;
  const size_t panels = (end - begin + kPanelItems - 1) / kPanelItems;
  if ((end - begin) % kPanelItems != 0) {
    std::fill_n(out + (panels - 1) * kPanelItems * dim, kPanelItems * dim, 0.0F);
  }
  for (size_t i = 0; i < end - begin; ++i) {
    const float scale = table.scale == nullptr ? 1.0F : table.scale[begin + i];
    const float* row = table.rows.row(begin + i);
    float* to = out + i / kPanelItems * kPanelItems * dim + i % kPanelItems;
    for (size_t d = 0; d < dim; ++d) to[d * kPanelItems] = row[d] * scale;
  }
}

std::vector<float> pack_panels(const RowsView& rows) {
  std::vector<float> out((rows.count + kPanelItems - 1) / kPanelItems * kPanelItems * rows.dim);
  pack_panels({rows, nullptr}, 0, rows.count, out.data());
  return out;
}

}  // namespace palate
#endif
