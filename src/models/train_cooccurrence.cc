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

Cooccurrence::Cooccurrence(SparseMatrix users)
    : users_(std::move(users)), by_item_(users_.transposed()) {}

void Cooccurrence::row(uint32_t item, uint32_t from, CooccurrenceRow& out) const {
  out.sum.resize(items(), 0.0F);
  for (uint64_t i = by_item_.start[item]; i < by_item_.start[item + 1]; ++i) {
    const uint32_t user = by_item_.index[i];
    const float weight = by_item_.value[i];
    const uint32_t* index = users_.index.data();
    uint64_t at = users_.start[user];
    const uint64_t end = users_.start[user + 1];
    if (from > 0)
      at = static_cast<uint64_t>(std::lower_bound(index + at, index + end, from) - index);
    for (; at < end; ++at) {
      float& sum = out.sum[index[at]];
      if (sum == 0) out.touched.push_back(index[at]);  // all terms are positive
      sum += weight * users_.value[at];
    }
  }
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

Result<SparseMatrix> nearest_items(const Cooccurrence& pairs, const NearestItems& wanted,
                                   const Workers& workers) {
  struct Own {
    CooccurrenceRow row;
    std::vector<std::pair<float, uint32_t>> ranked;  // minus the similarity, item
  };
  std::vector<Own> of_worker(workers.pool->size());
  const auto nearest = [&](uint32_t item, size_t worker, const SparseRow& to) {
    auto& [row, ranked] = of_worker[worker];
    pairs.row(item, 0, row);
    ranked.clear();
    for (const uint32_t other : row.touched) {
      const float like =
          wanted.other.empty() ? row.sum[other] : row.sum[other] * wanted.other[other];
      if (other != item && like > 0) ranked.emplace_back(-like, other);
    }
    const size_t kept = std::min(ranked.size(), wanted.neighbours);
    const auto end = ranked.begin() + static_cast<ptrdiff_t>(kept);
    std::nth_element(ranked.begin(), end, ranked.end());
    std::sort(ranked.begin(), end,
              [](const auto& a, const auto& b) { return a.second < b.second; });
    for (auto at = ranked.begin(); at != end; ++at) {
      const float like = wanted.own.empty() ? -at->first : -at->first * wanted.own[item];
      to.index->push_back(at->second);
      to.value->push_back(wanted.contrast == 1 ? like : std::pow(like, wanted.contrast));
    }
    row.reset();
  };
  const SparseMatrix by_target =
      TRY(sparse_by_rows({pairs.items(), pairs.items()}, workers, nearest));
  return by_target.transposed();
}

}  // namespace palate
