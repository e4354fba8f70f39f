#include "learn/tower_batches.h"

#include <algorithm>
#include <limits>

#include "math/philox.h"
#include "math/recency_weights.h"

namespace palate {
namespace {

constexpr uint32_t kNowhere = std::numeric_limits<uint32_t>::max();

}  // namespace

TowerBatches::TowerBatches(const TowerExamples& examples, const TowerBatchOptions& options)
    : examples_(examples), options_(options), place_(examples.items(), kNowhere) {
  std::vector<uint32_t> liked(examples.items(), 0);
  frequency_.assign(examples.items(), 0.0);
  for (uint32_t user = 0; user < examples.users(); ++user) {
    const auto items = examples.liked.of(user);
    const bool profile = !examples.profiles.of(user).empty();
    for (uint32_t place = 0; place < items.size(); ++place) {
      ++liked[items[place]];
      const size_t known = options.past_only ? place : items.size() - 1;
      if (known == 0 && !profile) continue;
      rows_.push_back({user, place});
      ++frequency_[items[place]];
    }
  }
  for (double& count : frequency_) count /= static_cast<double>(std::max<size_t>(1, rows_.size()));
  for (uint32_t item = 0; item < liked.size(); ++item) {
    if (liked[item] > 0) liked_items_.push_back(item);
  }
}

void TowerBatches::shuffle(uint64_t epoch) {
  epoch_ = epoch;
  Philox random(options_.seed, epoch << 40);
  for (size_t i = rows_.size(); i > 1; --i) {
    std::swap(rows_[i - 1], rows_[random.below(static_cast<uint32_t>(i))]);
  }
}

uint32_t TowerBatches::place_of(uint32_t item, TowerBatch& batch) {
  if (place_[item] == kNowhere) {
    place_[item] = static_cast<uint32_t>(batch.items.size());
    batch.items.push_back(item);
  }
  return place_[item];
}

void TowerBatches::add_history(const Row& row, uint64_t stream, TowerBatch& batch) {
  Philox random(options_.seed ^ 0x9e3779b97f4a7c15U, stream);
  const auto all = examples_.liked.of(row.user);
  std::vector<uint32_t> items;
  const size_t end = options_.past_only ? row.place : all.size();
  for (size_t at = end; at-- > 0 && items.size() < options_.history;) {
    if (at == row.place) continue;
    if (options_.history_dropout == 0 || random.uniform() >= options_.history_dropout) {
      items.push_back(all[at]);
    }
  }
  if (items.empty() && end > 0 && examples_.profiles.of(row.user).empty()) {
    const size_t newest = end - 1 == row.place ? end - 2 : end - 1;  // there is another one
    items.push_back(all[newest]);
  }
  const auto weights = recency_weights(items.size(), options_.half_life);
  for (size_t i = items.size(); i-- > 0;) batch.history.push_back(place_of(items[i], batch));
  batch.weights.insert(batch.weights.end(), weights.begin(), weights.end());
  batch.history_start.push_back(static_cast<int64_t>(batch.history.size()));
}

void TowerBatches::add_not_negative(const TowerBatch& batch, size_t row,
                                    std::vector<std::pair<uint32_t, uint32_t>>& out) const {
  for (const uint32_t item : examples_.liked.of(batch.users[row])) {
    const uint32_t place = place_[item];
    if (place >= batch.columns || place == batch.targets[row]) continue;
    out.emplace_back(static_cast<uint32_t>(row), place);
  }
}

TowerBatch TowerBatches::batch(size_t number) {
  TowerBatch out;
  const size_t first = number * options_.rows;
  const size_t end = std::min(rows_.size(), first + options_.rows);
  for (size_t i = first; i < end; ++i) {
    out.users.push_back(rows_[i].user);
    const uint32_t item = examples_.liked.of(rows_[i].user)[rows_[i].place];
    out.targets.push_back(place_of(item, out));
  }
  Philox random(options_.seed ^ 0xd1b54a32d192ed03U, epoch_ << 40 | number);
  for (size_t i = 0; i < options_.negatives && !liked_items_.empty(); ++i) {
    const auto drawn = random.below(static_cast<uint32_t>(liked_items_.size()));
    place_of(liked_items_[drawn], out);
  }
  out.columns = out.items.size();
  for (size_t i = first; i < end; ++i) add_history(rows_[i], epoch_ << 40 | i, out);
  for (size_t row = 0; row < out.users.size(); ++row) add_not_negative(out, row, out.not_negative);
  for (const uint32_t item : out.items) place_[item] = kNowhere;
  return out;
}

}  // namespace palate
