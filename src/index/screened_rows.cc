#include "index/screened_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "index/gathered_order.h"
#include "index/principal.h"
#include "index/screened_scan.h"

namespace palate {
namespace {

constexpr size_t kQueriesMax = 256;  // that pass over the items together
constexpr float kStepMin = 1e-30F;
constexpr float kLargest = 1e30F;  // values above are left to fp32

// A row as fp32 sees it.
std::span<const float> fp32_row(const StoredRows& table, uint32_t item,
                                std::vector<float>& buffer) {
  if (table.width == Width::kF32 && table.scale == nullptr) {
    return {reinterpret_cast<const float*>(table.row(item)), table.dim};
  }
  buffer.resize(table.dim);
  widen_row(table, item, buffer.data());
  return buffer;
}

float dot_of(std::span<const float> values) {
  return std::inner_product(values.begin(), values.end(), values.begin(), 0.0F);
}

ScreenedScan::Scratch& scratch_of_thread() {
  thread_local ScreenedScan::Scratch scratch;
  return scratch;
}

}  // namespace

float step_of(float largest, int code_max) {
  return std::max(largest / static_cast<float>(code_max), kStepMin);
}

// The places of items: longest first, equal ones by number. False when a length is not finite, or
// so large that fp32 could overflow.
bool ScreenedRows::sort_items(std::span<const uint64_t> absent) {
  std::vector<uint64_t> keys;
  keys.reserve(table_.count);
  std::vector<float> buffer;
  for (uint32_t item = 0; item < table_.count; ++item) {
    if (item / 64 < absent.size() && (absent[item / 64] >> (item % 64) & 1) != 0) continue;
    const double length = extent(fp32_row(table_, item, buffer)).length;
    if (!(length <= kLargest)) return false;
    // Lengths are not negative: their bits sort as they do.
    keys.push_back(uint64_t{~std::bit_cast<uint32_t>(static_cast<float>(length))} << 32 | item);
  }
  std::sort(keys.begin(), keys.end());
  order_.reserve(keys.size());
  for (const uint64_t key : keys) order_.push_back(static_cast<uint32_t>(key));
  return true;
}

std::span<const uint32_t> ScreenedRows::items_of(size_t block) const {
  const size_t begin = block * kBlockItems;
  return std::span(order_).subspan(begin, std::min(kBlockItems, order_.size() - begin));
}

void ScreenedRows::quantize_block(size_t number) {
  const size_t groups = screen_groups(table_.dim);
  const size_t begin = number * kBlockItems;
  const size_t end = std::min(begin + kBlockItems, order_.size());
  Block block{.step = kStepMin, .shortest = kLargest};
  std::vector<float> buffer;
  for (size_t place = begin; place < end; ++place) {
    const Extent row = extent(fp32_row(table_, order_[place], buffer));
    block.step = std::max(block.step, step_of(row.largest, 127));
    block.longest = std::max(block.longest, row.length);
    block.shortest = std::min(block.shortest, row.length * (1 - 1e-8));  // was rounded up
  }
  block.length = block.longest;
  std::vector<int8_t> codes(4 * groups, 0);
  double lost = 0;
  for (size_t place = begin; place < end; ++place) {
    const auto row = fp32_row(table_, order_[place], buffer);
    lost = std::max(lost, quantize(row, block.step, codes.data()));
    place_codes(codes.data(), groups, place, codes_.data());
  }
  const double rounded = double{block.step} * lost;
  const double roundings = static_cast<double>(table_.dim) + 2;
  block.lost = rounded + roundings * 0x1.1p-24 * block.length;
  block.length += rounded;
  longest_ = std::max(longest_, block.length);
  blocks_.push_back(block);
}

void ScreenedRows::describe_block(size_t number) {
  const size_t width = padded(table_.dim);
  const auto items = items_of(number);
  const auto count = static_cast<float>(items.size());
  FloatTable rows(items.size() * width, 0.0F);
  float* const mean = means_.data() + number * width;
  for (size_t i = 0; i < items.size(); ++i) {
    widen_row(table_, items[i], rows.data() + i * width);
    axpy(1 / count, rows.data() + i * width, mean, width);
  }
  for (size_t i = 0; i < items.size(); ++i) axpy(-1, mean, rows.data() + i * width, width);
  std::vector<float> along(items.size());
  for (size_t c = 0; c < kComponents; ++c) {
    const RowsView rest{rows.data(), items.size(), width};
    const std::vector<float> direction = principal_direction(rest);
    rows_dot(rest, direction.data(), along.data());
    const float spread = std::sqrt(dot_of(along) / count);
    axpy(spread, direction.data(), components_.data() + (number * kComponents + c) * width, width);
    for (size_t i = 0; i < items.size(); ++i) {
      axpy(-along[i], direction.data(), rows.data() + i * width, width);
    }
  }
  float* const variance = variances_.data() + number * width;
  for (size_t i = 0; i < rows.size(); ++i) variance[i % width] += rows[i] * rows[i] / count;
}

std::optional<ScreenedRows> ScreenedRows::make(const StoredRows& table,
                                               std::span<const uint64_t> absent,
                                               const Options& options) {
  if (table.dim == 0 || table.dim > kScreenDimMax) return {};
  ScreenedRows out(table, options);
  if (!out.sort_items(absent)) return {};
  if (options.gathered) gather(table, out.order_, kBlockItems);
  const size_t units = (out.order_.size() + kUnitItems - 1) / kUnitItems;
  out.codes_.assign(units * screen_unit_bytes(table.dim), 128);
  const size_t blocks = (units + kBlockUnits - 1) / kBlockUnits;
  out.blocks_.reserve(blocks);
  for (size_t block = 0; block < blocks; ++block) out.quantize_block(block);
  if (!options.gathered) return out;
  out.means_.assign(blocks * padded(table.dim), 0.0F);
  out.components_.assign(blocks * kComponents * padded(table.dim), 0.0F);
  out.variances_.assign(blocks * padded(table.dim), 0.0F);
  for (size_t block = 0; block < blocks; ++block) out.describe_block(block);
  return out;
}

std::vector<size_t> ScreenedRows::top_k(std::span<const PanelQuery> queries,
                                        ScanCounts& counts) const {
  ScreenedScan::Scratch& scratch = scratch_of_thread();
  std::vector<size_t> left;
  for (size_t begin = 0; begin < queries.size(); begin += kQueriesMax) {
    const size_t count = std::min(kQueriesMax, queries.size() - begin);
    ScreenedScan scan(*this, queries.subspan(begin, count), scratch);
    scan.run(counts);
    for (const size_t query : scan.left()) left.push_back(begin + query);
  }
  counts.queries += queries.size();
  counts.in_fp32 += left.size();
  return left;
}

std::vector<size_t> ScreenedRows::nearly_top_k(std::span<const PanelQuery> queries,
                                               ScanCounts& counts) const {
  PALATE_CHECK(gathered(), "rows that are not gathered");
  ScreenedScan scan(*this, queries, scratch_of_thread());
  scan.run_nearly(counts);
  counts.queries += queries.size();
  counts.nearly += queries.size() - scan.left().size();
  counts.in_fp32 += scan.left().size();
  return scan.left();
}

size_t ScreenedRows::bytes() const {
  return codes_.size() + order_.size() * sizeof(uint32_t) + blocks_.size() * sizeof(Block) +
         (means_.size() + components_.size() + variances_.size()) * sizeof(float);
}

}  // namespace palate
