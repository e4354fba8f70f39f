#include "index/exact_index.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "math/bits.h"
#include "math/panels.h"

namespace palate {
namespace {

// A filter that leaves one item in this many: scoring those from their rows is faster than a scan.
constexpr size_t kFewOf = 16;
constexpr size_t kFewOfNearly = 128;  // the same, than a scan of the most promising blocks

std::vector<float> inverse_lengths(StoredRows rows) {
  rows.scale = nullptr;
  std::vector<float> out(rows.count, 1.0F), row(rows.dim);
  for (size_t i = 0; i < rows.count; ++i) {
    widen_row(rows, i, row.data());
    double square = 0;
    for (const float value : row) square += double{value} * value;
    if (square > 0) out[i] = static_cast<float>(1.0 / std::sqrt(square));
  }
  return out;
}

uint64_t word_or_zero(std::span<const uint64_t> bits, size_t word) {
  return word < bits.size() ? bits[word] : 0;
}

}  // namespace

ExactIndex::ExactIndex(const StoredRows& rows, ExactIndexOptions options)
    : rows_(rows),
      measure_(options.similarity == Similarity::kDistance ? Measure::kDistance
                                                           : Measure::kProduct),
      absent_(std::move(options.absent)) {
  if (options.similarity == Similarity::kCosine) scale_ = inverse_lengths(rows);
  if (options.kernel != nullptr && options.kernel->fast && rows.count >= options.screened_min) {
    const bool gathered = rows.count >= options.nearly_min && measure_ == Measure::kProduct;
    screened_ = ScreenedRows::make(
        table(), absent_, {.measure = measure_, .kernel = options.kernel, .gathered = gathered});
  }
  if (screened_) return;
  if (rows.width == Width::kBf16 && table().scale == nullptr) {
    bf16_ = pack_bf16_panels(rows);
  } else {
    panels_ = pack_panels(table());
  }
}

StoredRows ExactIndex::table() const {
  StoredRows out = rows_;
  if (!scale_.empty()) out.scale = scale_.data();
  return out;
}

// How many items the query may get; all when it has no filter.
size_t ExactIndex::allowed(std::span<const uint64_t> blocked) const {
  if (blocked.empty()) return rows_.count;
  return rows_.count - count_either(blocked, absent_, rows_.count);
}

void ExactIndex::score_allowed(const PanelQuery& query) const {
  constexpr size_t kAtOnce = 1024;
  std::vector<uint32_t> items;
  items.reserve(kAtOnce + 64);
  std::vector<float> scores(kAtOnce + 64);
  const auto score = [&] {
    score_rows(table(), items, {query.vector, measure_}, scores.data());
    for (size_t i = 0; i < items.size(); ++i) {
      if (scores[i] > -std::numeric_limits<float>::infinity())
        query.best->push(scores[i], items[i]);
    }
    items.clear();
  };
  for (size_t first = 0; first < rows_.count; first += 64) {
    uint64_t left = ~(word_or_zero(query.blocked, first / 64) | word_or_zero(absent_, first / 64));
    if (rows_.count - first < 64) left &= (uint64_t{1} << (rows_.count - first)) - 1;
    for (; left != 0; left &= left - 1) {
      items.push_back(static_cast<uint32_t>(first + static_cast<size_t>(std::countr_zero(left))));
    }
    if (items.size() >= kAtOnce) score();
  }
  score();
}

// Packs some panels at a time: this is for the few queries that 8 bits cannot answer.
void ExactIndex::scan_in_fp32(std::span<PanelQuery> queries) const {
  constexpr size_t kItems = 64 * kPanelItems;
  FloatTable packed(panel_floats(std::min(kItems, rows_.count), rows_.dim));
  for (size_t begin = 0; begin < rows_.count; begin += kItems) {
    const size_t end = std::min(begin + kItems, rows_.count);
    pack_panels(table(), begin, end, packed.data());
    const PanelTable part{packed.data(), end - begin, rows_.dim, absent_, begin, measure_};
    top_k_panels(part, queries, 0, (end - begin + kPanelItems - 1) / kPanelItems);
  }
}

void ExactIndex::scan_panels(std::span<PanelQuery> queries) const {
  const PanelTable all{panels_.data(), rows_.count, rows_.dim, absent_, 0, measure_};
  const size_t end = (rows_.count + kPanelItems - 1) / kPanelItems;
  if (bf16_) {
    top_k_bf16_panels({&*bf16_, all}, queries, 0, end);
  } else {
    top_k_panels(all, queries, 0, end);
  }
}

void ExactIndex::scan(std::span<PanelQuery> exactly, std::span<PanelQuery> nearly,
                      ScanCounts& counts) const {
  if (!screened_) {
    scan_panels(exactly);
    counts += {.queries = exactly.size(), .in_fp32 = exactly.size()};
    return;
  }
  std::vector<PanelQuery> left;
  for (const size_t query : screened_->top_k(exactly, counts)) left.push_back(exactly[query]);
  if (!nearly.empty()) {
    for (const size_t query : screened_->nearly_top_k(nearly, counts)) {
      left.push_back(nearly[query]);
    }
  }
  if (!left.empty()) scan_in_fp32(left);
}

std::vector<std::vector<ScoredIndex>> ExactIndex::top_k(std::span<const Query> queries,
                                                        ScanCounts* counts) const {
  std::vector<TopK> best;
  best.reserve(queries.size());
  std::vector<PanelQuery> exactly, nearly;
  ScanCounts here;
  size_t left = rows_.count;
  for (size_t q = 0; q < queries.size(); ++q) {
    const Query& query = queries[q];
    PALATE_CHECK(query.vector.size() == rows_.dim, "a query of another dimension than the items");
    best.emplace_back(std::min(query.k, rows_.count));
    const PanelQuery asked{query.vector.data(), query.blocked, &best.back()};
    // Queries of one batch often share their filter.
    const bool as_before = q > 0 && query.blocked.data() == queries[q - 1].blocked.data() &&
                           query.blocked.size() == queries[q - 1].blocked.size();
    if (!as_before) left = allowed(query.blocked);
    const bool may_miss = query.nearly && screened_ && screened_->gathered();
    if (left > rows_.count / (may_miss ? kFewOfNearly : kFewOf)) {
      (may_miss ? nearly : exactly).push_back(asked);
    } else {
      if (left > 0) score_allowed(asked);
      here += {.queries = 1, .few = 1, .rescored = left};
    }
  }
  scan(exactly, nearly, here);
  if (counts != nullptr) *counts += here;
  std::vector<std::vector<ScoredIndex>> out;
  out.reserve(queries.size());
  for (TopK& top : best) out.push_back(top.take());
  return out;
}

size_t ExactIndex::bytes() const {
  const size_t bf16 =
      bf16_ ? bf16_->words.size() * sizeof(bf16_->words[0]) + bf16_->lengths.size() * sizeof(float)
            : 0;
  return (screened_ ? screened_->bytes() : 0) + bf16 + panels_.size() * sizeof(float) +
         scale_.size() * sizeof(float) + absent_.size() * sizeof(uint64_t);
}

}  // namespace palate
