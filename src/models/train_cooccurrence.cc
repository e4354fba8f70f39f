#include "models/train_cooccurrence.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/item_weights.h"

namespace palate {

void CooccurrenceRow::reset() {
  for (const uint32_t item : touched) sum[item] = 0;
  touched.clear();
}

Cooccurrence::Cooccurrence(SparseMatrix&& taken)
    : by_item_(taken.transposed()), place_(taken.index.size()) {
  const SparseMatrix users = std::move(taken);  // gone at the end
  std::vector<uint64_t> next(by_item_.start.begin(), by_item_.start.end() - 1);
  entries_.reserve(users.index.size());
  for (size_t user = 0; user < users.rows; ++user) {
    const uint64_t begin = users.start[user];
    for (uint64_t i = begin; i < users.start[user + 1]; ++i) {
      place_[next[users.index[i]]++] = static_cast<uint32_t>(i - begin);
      entries_.push_back({users.index[i], users.value[i]});
    }
  }
  start_ = users.start;
}

uint64_t Cooccurrence::terms(uint32_t item, bool behind) const {
  uint64_t terms = 0;
  for (uint64_t i = by_item_.start[item]; i < by_item_.start[item + 1]; ++i) {
    const uint32_t user = by_item_.index[i];
    terms += start_[user + 1] - start_[user] - (behind ? place_[i] : 0);
  }
  return terms;
}

// Has a user's entries brought into the caches; the processor itself sees where they go on.
inline void Cooccurrence::prefetch(uint64_t at) const {
  constexpr uint64_t kLine = 8, kLines = 4;  // in entries
  const uint32_t user = by_item_.index[at];
  const Entry* entry = entries_.data() + start_[user] + place_[at];
  const Entry* end = entries_.data() + start_[user + 1];
  for (uint64_t line = 0; line < kLines && entry < end; ++line, entry += kLine) {
    __builtin_prefetch(entry);
  }
}

template <class Add>
void Cooccurrence::for_terms(uint32_t item, bool behind, const Add& add) const {
  constexpr uint64_t kAhead = 4;  // users
  const uint64_t last = by_item_.start[item + 1];
  for (uint64_t i = by_item_.start[item]; i < last; ++i) {
    if (i + kAhead < last) prefetch(i + kAhead);
    const uint32_t user = by_item_.index[i];
    const float weight = by_item_.value[i];
    const Entry* entry = entries_.data() + start_[user] + (behind ? place_[i] : 0);
    const Entry* const end = entries_.data() + start_[user + 1];
    for (; entry < end; ++entry) add(entry->item, weight * entry->value);
  }
}

void Cooccurrence::row(uint32_t item, Part part, CooccurrenceRow& out) const {
  const bool behind = part == Part::kFromItself;
  out.sum.resize(items(), 0.0F);
  // All terms are positive. Where there are many, most items have one, and who has is asked once.
  if (terms(item, behind) > items() / 2) {
    for_terms(item, behind, [sum = out.sum.data()](uint32_t to, float term) { sum[to] += term; });
    for (uint32_t other = behind ? item : 0; other < items(); ++other) {
      if (out.sum[other] != 0) out.touched.push_back(other);
    }
    return;
  }
  for_terms(item, behind, [&](uint32_t to, float term) {
    float& sum = out.sum[to];
    if (sum == 0) out.touched.push_back(to);
    sum += term;
  });
}

void weigh_entries(SparseMatrix& users, const EntryWeights& weights) {
  for (size_t user = 0; user < users.rows; ++user) {
    const auto count = static_cast<double>(users.start[user + 1] - users.start[user]);
    if (count == 0) continue;
    const auto scale = static_cast<float>(std::pow(count, -weights.user_power / 2));
    for (uint64_t i = users.start[user]; i < users.start[user + 1]; ++i) {
      users.value[i] = scale * interaction_strength(users.value[i], weights.value_power);
    }
  }
}

std::vector<uint32_t> entries_by_column(const SparseMatrix& matrix) {
  std::vector<uint32_t> count(matrix.cols, 0);
  for (const uint32_t column : matrix.index) ++count[column];
  return count;
}

std::vector<float> powers_of(std::span<const uint32_t> counts, double power) {
  std::vector<float> out;
  out.reserve(counts.size());
  for (const uint32_t count : counts) {
    out.push_back(static_cast<float>(std::pow(std::max(count, 1U), power)));
  }
  return out;
}

Result<SparseMatrix> sparse_by_rows(
    const SparseShape& shape, const Workers& workers,
    const std::function<void(uint32_t row, size_t worker, const SparseRow& to)>& fill) {
  constexpr size_t kBlockRows = 64;
  struct Block {
    std::vector<uint64_t> end;
    std::vector<uint32_t> index;
    std::vector<float> value;
  };
  std::vector<Block> blocks((shape.rows + kBlockRows - 1) / kBlockRows);
  const auto fill_block = [&](size_t number, size_t worker) {
    Block& block = blocks[number];
    const size_t last = std::min((number + 1) * kBlockRows, shape.rows);
    for (size_t row = number * kBlockRows; row < last; ++row) {
      fill(static_cast<uint32_t>(row), worker, {&block.index, &block.value});
      block.end.push_back(block.index.size());
    }
  };
  TRY(workers.pool->for_blocks(blocks.size(), fill_block, workers.stop));
  size_t entries = 0;
  for (const Block& block : blocks) entries += block.index.size();
  SparseMatrix out{.rows = shape.rows, .cols = shape.cols, .start = {0}, .index = {}, .value = {}};
  out.start.reserve(shape.rows + 1);
  out.index.reserve(entries);
  out.value.reserve(entries);
  for (Block& block : blocks) {
    const uint64_t before = out.index.size();
    for (const uint64_t end : block.end) out.start.push_back(before + end);
    out.index.insert(out.index.end(), block.index.begin(), block.index.end());
    out.value.insert(out.value.end(), block.value.begin(), block.value.end());
    block = {};  // or everything would be there twice
  }
  return out;
}

}  // namespace palate
