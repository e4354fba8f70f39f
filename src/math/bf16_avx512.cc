// 32 products an instruction (VDPBF16PS), twice those of fp32. Compiled for AVX512-BF16 alone, so
// it must not be called elsewhere.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "math/bf16_panels.h"
#include "math/screen.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PALATE_BF16 [[gnu::target("avx512f,avx512bw,avx512vl,avx512bf16")]]

namespace palate {
namespace {

constexpr size_t kGroup = 12;

struct Rounded {
  const uint16_t* words = nullptr;  // in pairs; the last one filled up with 0
  float off_per_length = 0;         // how far a sum is off for an item of length 1, at most
  float off = 0;                    // … and besides
};

// NaN where there is no bound: comparisons with it say that a panel must be looked at.
Rounded round_query(const float* query, size_t dim, uint16_t* words) {
  double lost = 0;
  for (size_t d = 0; d < dim; ++d) {
    // The instruction takes denormals for zeros; so does the bound.
    words[d] = std::abs(query[d]) < 0x1p-126F ? 0 : to_bf16(query[d]);
    const double off = double{query[d]} - double{from_bf16(words[d])};
    lost += off * off;
  }
  const double length = extent({query, dim}).length, terms = static_cast<double>(dim) + 4;
  const auto up = [](double value) { return static_cast<float>(value * (1 + 0x1p-20)); };
  // Two sums of `dim` products, one of them in an order and with roundings of the processor's own:
  // Higham, section 3.1, with four units of rounding a term. What is flushed to zero: 2^-126 each.
  const double rounding = terms * 0x1p-22 * (length + std::sqrt(lost));
  if (!(length < 1e18)) return {words, std::nanf(""), 0};
  return {words, up(std::sqrt(lost) + rounding), up(terms * 0x1p-124 * (1 + length))};
}

// Sums below it cannot beat what the query has. Not a number, or -infinity: any may.
inline float limit_of(const Rounded& query, float longest, float threshold) {
  if (!(longest < 1e18F)) return std::nanf("");
  const float off = query.off_per_length * longest + query.off;
  return threshold - off * (1 + 0x1p-20F) - std::abs(threshold) * 0x1p-20F;
}

template <size_t kQueries, size_t kPanels>
PALATE_BF16 inline void pass(const Bf16Table& table, const Rounded* rounded, PanelQuery* queries,
                             size_t panel) {
  const size_t pairs = (table.table.dim + 1) / 2, panel_words = pairs * kPanelItems;
  const uint32_t* at = table.panels->words.data() + panel * panel_words;
  __m512 sums[kQueries][kPanels];
  const uint16_t* words[kQueries];
#pragma GCC unroll 12
  for (size_t q = 0; q < kQueries; ++q) {
    words[q] = rounded[q].words;
#pragma GCC unroll 2
    for (size_t w = 0; w < kPanels; ++w) sums[q][w] = _mm512_setzero_ps();
  }
  for (size_t pair = 0; pair < pairs; ++pair, at += kPanelItems) {
    __m512bh items[kPanels];
#pragma GCC unroll 2
    for (size_t w = 0; w < kPanels; ++w) {
      items[w] = (__m512bh)_mm512_loadu_si512(at + w * panel_words);
    }
#pragma GCC unroll 12
    for (size_t q = 0; q < kQueries; ++q) {
      int32_t both = 0;
      std::memcpy(&both, words[q] + 2 * pair, sizeof(both));
      const auto query = (__m512bh)_mm512_set1_epi32(both);
#pragma GCC unroll 2
      for (size_t w = 0; w < kPanels; ++w) {
        sums[q][w] = _mm512_dpbf16_ps(sums[q][w], items[w], query);
      }
    }
  }
#pragma GCC unroll 2
  for (size_t w = 0; w < kPanels; ++w) {
    const float longest = table.panels->lengths[panel + w];
#pragma GCC unroll 12
    for (size_t q = 0; q < kQueries; ++q) {
      const float limit = limit_of(rounded[q], longest, queries[q].best->threshold());
      const __mmask16 below = _mm512_cmp_ps_mask(sums[q][w], _mm512_set1_ps(limit), _CMP_LT_OQ);
      if (below == 0xffff) [[likely]]
        continue;
      Bf16Table exactly = table;
      exactly.widen_only = true;
      top_k_bf16_panels(exactly, {&queries[q], 1}, panel + w, panel + w + 1);
    }
  }
}

template <size_t kQueries>
PALATE_BF16 void pass_over(const Bf16Table& table, const Rounded* rounded, PanelQuery* queries,
                           std::pair<size_t, size_t> panels) {
  // One query alone reads memory as one stream.
  constexpr size_t kWide = kQueries == 1 ? 1 : 2;
  size_t p = panels.first;
  for (; p + kWide <= panels.second; p += kWide) {
    pass<kQueries, kWide>(table, rounded, queries, p);
  }
  for (; p < panels.second; ++p) pass<kQueries, 1>(table, rounded, queries, p);
}

}  // namespace

void top_k_avx512bf16(const Bf16Table& table, std::span<PanelQuery> queries, size_t first_panel,
                      size_t end_panel) {
  const size_t dim = table.table.dim, words = std::max<size_t>(2, (dim + 1) / 2 * 2);
  std::vector<uint16_t> codes(queries.size() * words, 0);
  std::vector<Rounded> rounded;
  rounded.reserve(queries.size());
  for (size_t q = 0; q < queries.size(); ++q) {
    rounded.push_back(round_query(queries[q].vector, dim, codes.data() + q * words));
  }
  // Panels are walked in blocks that stay in the cache while all queries pass over them.
  constexpr size_t kBlockBytes = size_t{256} << 10;
  const size_t block = std::max<size_t>(2, kBlockBytes / (words * 2 * kPanelItems));
  for (size_t begin = first_panel; begin < end_panel; begin += block) {
    const std::pair part{begin, std::min(begin + block, end_panel)};
    size_t q = 0;
    for (; q + kGroup <= queries.size(); q += kGroup) {
      pass_over<kGroup>(table, &rounded[q], &queries[q], part);
    }
    for (; q + 4 <= queries.size(); q += 4) pass_over<4>(table, &rounded[q], &queries[q], part);
    for (; q < queries.size(); ++q) pass_over<1>(table, &rounded[q], &queries[q], part);
  }
}

}  // namespace palate
#endif
