#include "dataset/example_batches.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "math/mix.h"

namespace palate {
namespace {

constexpr uint32_t kRounds = 4;
constexpr size_t kSlotsPerReader = 3;

uint64_t key_of(uint64_t seed, uint64_t epoch, uint64_t part) {
  return mix64(mix64(mix64(seed + kGolden64) + epoch) + part);
}

uint64_t row_count(const std::vector<Examples>& shards) {
  uint64_t rows = 0;
  for (const Examples& shard : shards) rows += shard.rows();
  return rows;
}

}  // namespace

Permutation::Permutation(uint64_t size, uint64_t key)
    : size_(size), key_(key), half_bits_((std::bit_width(size - 1) + 1) / 2) {
  PALATE_CHECK(size > 0, "a permutation of nothing");
}

uint64_t Permutation::operator()(uint64_t place) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  do {
    uint64_t left = place >> half_bits_, right = place & mask;
    for (uint32_t round = 0; round < kRounds; ++round) {
      const uint64_t next = left ^ (mix64(key_ + round + (right << 8)) & mask);
      left = right;
      right = next;
    }
    place = left << half_bits_ | right;
  } while (place >= size_);
  return place;
}

EpochOrder::EpochOrder(uint64_t rows, const BatchOptions& options, uint64_t epoch)
    : rows_(rows),
      block_(options.block_rows),
      window_(std::max(options.window_rows / options.block_rows, size_t{1}) * options.block_rows),
      full_blocks_(rows / options.block_rows),
      key_(key_of(options.seed, epoch, 0)),
      shuffle_(options.shuffle) {}

uint64_t EpochOrder::row(uint64_t place) const {
  if (!shuffle_) return place;
  const uint64_t windows = std::max(rows_ / window_, uint64_t{1});
  const uint64_t which = std::min(place / window_, windows - 1);
  const uint64_t first = which * window_;
  const uint64_t size = which + 1 == windows ? rows_ - first : window_;
  const uint64_t within = first + Permutation(size, key_ + which + 1)(place - first);
  const uint64_t block = within / block_;
  if (block >= full_blocks_)
    return within;  // less than a block is left over; it stays in the last window
  return Permutation(full_blocks_, key_)(block) * block_ + within % block_;
}

ExampleBatches::ExampleBatches(std::vector<Examples> shards, const BatchOptions& options,
                               uint64_t epoch)
    : shards_(std::move(shards)),
      options_(options),
      order_(row_count(shards_), options, epoch),
      batches_((row_count(shards_) + options.rows - 1) / options.rows),
      slots_(std::max(options.readers, size_t{1}) * kSlotsPerReader) {
  PALATE_CHECK(batches_ > 0 && options.rows > 0 && options.block_rows > 0, "batches of nothing");
  first_row_.push_back(0);
  for (const Examples& shard : shards_) {
    PALATE_CHECK(shard.schema() == shards_.front().schema(), "shards of several schemas");
    first_row_.push_back(first_row_.back() + shard.rows());
  }
  for (size_t i = 0; i < std::max(options.readers, size_t{1}); ++i) {
    readers_.emplace_back([this](std::stop_token stop) { read(stop); });
  }
}

ExampleBatches::~ExampleBatches() = default;

const ExampleBatch* ExampleBatches::next() {
  std::unique_lock lock(mutex_);
  if (handed_ > 0) {
    slots_[(handed_ - 1) % slots_.size()].full = false;
    changed_.notify_all();
  }
  if (handed_ == batches_) return nullptr;
  Slot& slot = slots_[handed_ % slots_.size()];
  changed_.wait(lock, [&] { return slot.full && slot.index == handed_; });
  ++handed_;
  return &slot.batch;
}

void ExampleBatches::read(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (taken_ < batches_) {
    const size_t index = taken_;
    Slot& slot = slots_[index % slots_.size()];
    // The slot is free once the batch that was in it before has been handed out and given back.
    const bool goes_on = changed_.wait(lock, stop, [&] {
      return taken_ != index || (!slot.full && (slot.index == SIZE_MAX || slot.index < handed_));
    });
    if (!goes_on) return;
    if (taken_ != index) continue;
    ++taken_;
    slot.index = index;
    lock.unlock();
    fill(index, slot.batch);
    lock.lock();
    slot.full = true;
    changed_.notify_all();
  }
}

void ExampleBatches::fill(size_t index, ExampleBatch& batch) const {
  const ExampleSchema& schema = shards_.front().schema();
  const uint64_t begin = index * options_.rows;
  batch.rows = std::min<uint64_t>(options_.rows, first_row_.back() - begin);
  batch.ids.resize(schema.ids.size());
  batch.starts.resize(schema.ids.size());
  batch.numbers.resize(schema.numbers.size());
  batch.labels.resize(schema.labels.size());
  for (auto* columns : {&batch.numbers, &batch.labels}) {
    for (auto& column : *columns) column.clear();
  }
  batch.weights.clear();
  for (size_t c = 0; c < schema.ids.size(); ++c) {
    batch.ids[c].clear();
    batch.starts[c].clear();
    if (schema.ids[c].many) batch.starts[c].push_back(0);
  }
  const auto append = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (size_t i = 0; i < batch.rows; ++i) {
    const uint64_t place = order_.row(begin + i);
    const size_t which = static_cast<size_t>(
        std::upper_bound(first_row_.begin(), first_row_.end(), place) - first_row_.begin() - 1);
    const Examples& shard = shards_[which];
    const size_t row = place - first_row_[which];
    for (size_t c = 0; c < schema.ids.size(); ++c) {
      append(batch.ids[c], shard.ids(c, row));
      if (schema.ids[c].many) batch.starts[c].push_back(static_cast<uint32_t>(batch.ids[c].size()));
    }
    for (size_t c = 0; c < schema.numbers.size(); ++c)
      append(batch.numbers[c], shard.numbers(c, row));
    for (size_t c = 0; c < schema.labels.size(); ++c)
      batch.labels[c].push_back(shard.label(c)[row]);
    batch.weights.push_back(shard.weight(row));
  }
}

}  // namespace palate
