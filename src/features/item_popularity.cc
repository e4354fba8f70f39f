#include "features/item_popularity.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/byte_codec.h"

namespace palate {
namespace {

constexpr double kUnitsPerWeight = 1 << 20;
constexpr double kAmountMax = 1ll << 52;
constexpr int32_t kLevelMax = 1 << 24;  // |time| / half-life stays below: 2^63 us are 15.2 M weeks

// Of negative ones too: the last bits of two's complement are the rest of the division.
size_t place(int32_t level) {
  static_assert(std::has_single_bit(static_cast<uint32_t>(ItemPopularity::kLevels)));
  return static_cast<uint32_t>(level) % static_cast<uint32_t>(ItemPopularity::kLevels);
}

// Sums never shrink, so saturating keeps the independence of order.
int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

}  // namespace

ItemPopularity::Change ItemPopularity::change(ItemIx item, float preference, TimeUs ts,
                                              TimeUs received) {
  if (!item.valid() || !(preference > 0)) return {item, 0, 0};
  const int64_t us = received.us > 0 ? std::min(ts.us, received.us) : ts.us;
  int64_t level = us / kHalfLifeUs;
  int64_t rest = us % kHalfLifeUs;
  if (rest < 0) {
    rest += kHalfLifeUs;
    --level;
  }
  const double fraction = static_cast<double>(rest) / static_cast<double>(kHalfLifeUs);
  const double amount = static_cast<double>(preference) * std::exp2(fraction) * kUnitsPerWeight;
  return {item, static_cast<int32_t>(level), std::llround(std::min(amount, kAmountMax))};
}

void ItemPopularity::add_to(Counter& counter, const Change& change) {
  if (!counter.used) {
    counter.used = true;
    counter.newest = change.level;
  }
  if (change.level > counter.newest) {
    const int32_t steps = std::min(change.level - counter.newest, kLevels);
    for (int32_t i = 0; i < steps; ++i) counter.sums[place(change.level - i)] = 0;
    counter.newest = change.level;
  }
  if (counter.newest - change.level >= kLevels) return;
  int64_t& sum = counter.sums[place(change.level)];
  sum = saturating_add(sum, change.amount);
}

void ItemPopularity::add(std::span<const Change> changes) {
  const std::unique_lock lock(mutex_);
  for (const Change& change : changes) {
    if (change.amount == 0) continue;
    if (change.item.value >= counters_.size()) {
      if (change.item.value >= counters_.capacity()) {
        counters_.reserve(std::max<size_t>(change.item.value + 1, counters_.capacity() * 3 / 2));
      }
      counters_.resize(change.item.value + 1);
    }
    add_to(counters_[change.item.value], change);
  }
}

// What items of one level share at one moment: few levels are met, mostly that of the one before.
class ItemPopularity::Aging {
 public:
  explicit Aging(TimeUs now)
      : now_(static_cast<double>(now.us) / static_cast<double>(kHalfLifeUs)) {}
  void set(int32_t newest) {
    if (known_ && newest == newest_) return;
    known_ = true;
    newest_ = newest;
    age = now_ - newest;
    factor = std::exp2(-age);
  }
  double age = 0, factor = 0;  // in half-lives since the level; 2^-age

 private:
  double now_;
  int32_t newest_ = 0;
  bool known_ = false;
};

double ItemPopularity::read_locked(ItemIx item, Aging& aging) const {
  if (item.value >= counters_.size() || !counters_[item.value].used) return 0;
  const Counter& counter = counters_[item.value];
  aging.set(counter.newest);
  double sum = 0;       // at the newest level, oldest first: a fixed order of additions
  if (aging.age < 0) {  // logged under a clock that ran ahead: the future weighs as of now
    for (int32_t i = kLevels - 1; i >= 0; --i) {
      sum += static_cast<double>(counter.sums[place(counter.newest - i)]) *
             std::exp2(std::min(-aging.age - i, 0.0));
    }
    return sum / kUnitsPerWeight;
  }
  int32_t i = kLevels - 1;
  while (i > 0 && counter.sums[place(counter.newest - i)] == 0) --i;  // nothing, halved
  for (; i >= 0; --i) {  // halving is exact: as if each were scaled alone
    sum = sum / 2 + static_cast<double>(counter.sums[place(counter.newest - i)]);
  }
  return sum / kUnitsPerWeight * aging.factor;
}

double ItemPopularity::read(ItemIx item, TimeUs now) const {
  Aging aging(now);
  const std::shared_lock lock(mutex_);
  return read_locked(item, aging);
}

std::vector<double> ItemPopularity::read(std::span<const ItemIx> items, TimeUs now) const {
  constexpr size_t kAhead = 8;
  constexpr size_t kLine = 64;
  std::vector<double> values;
  values.reserve(items.size());
  Aging aging(now);
  const std::shared_lock lock(mutex_);
  for (size_t i = 0; i < items.size(); ++i) {
    if (i + kAhead < items.size() && items[i + kAhead].value < counters_.size()) {
      const auto* later = reinterpret_cast<const char*>(&counters_[items[i + kAhead].value]);
      for (size_t at = 0; at < sizeof(Counter); at += kLine) __builtin_prefetch(later + at);
    }
    values.push_back(read_locked(items[i], aging));
  }
  return values;
}

std::string ItemPopularity::encode(ItemIx item) const {
  const std::shared_lock lock(mutex_);
  ByteWriter out;
  const Counter counter = item.value < counters_.size() ? counters_[item.value] : Counter{};
  out.zigzag(counter.newest);
  for (int32_t i = 0; i < kLevels; ++i) {
    out.varint(static_cast<uint64_t>(counter.sums[place(counter.newest - i)]));
  }
  return out.take();
}

Status ItemPopularity::decode(ItemIx item, std::string_view bytes) {
  ByteReader in(bytes);
  const int64_t newest = in.zigzag();
  Counter counter{.newest = static_cast<int32_t>(newest), .used = true, .sums = {}};
  bool right = newest > -kLevelMax && newest < kLevelMax;
  for (int32_t i = 0; i < kLevels && right; ++i) {
    const uint64_t sum = in.varint();
    right = sum <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    counter.sums[place(counter.newest - i)] = static_cast<int64_t>(sum);
  }
  if (!right || !in.at_end() || !item.valid()) {
    return fail(Code::kCorrupt, "the popularity of item {} is damaged", item.value);
  }
  const std::unique_lock lock(mutex_);
  if (item.value >= counters_.size()) counters_.resize(item.value + 1);
  counters_[item.value] = counter;
  return {};
}

void ItemPopularity::clear() {
  const std::unique_lock lock(mutex_);
  counters_.clear();
}

}  // namespace palate
