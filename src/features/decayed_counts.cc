#include "features/decayed_counts.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace palate {
namespace {

constexpr int64_t kHalfLivesPerLevel = 16;
constexpr double kUnitsPerEvent = 1 << 16;
constexpr int32_t kLevelMax = 1 << 28;  // 2^63 us are 1.6e8 levels of sixteen hours

size_t place(int32_t level) { return static_cast<size_t>(level & 1); }

int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

struct Place {
  int32_t level;
  double within;  // in half-lives, from the level's begin
};

Place place_of(int64_t us, size_t which) {
  const int64_t level_us = kHalfLivesUs[which] * kHalfLivesPerLevel;
  const int64_t rest = us % level_us;
  return {static_cast<int32_t>(us / level_us),
          static_cast<double>(rest) / static_cast<double>(kHalfLivesUs[which])};
}

}  // namespace

DecayedCounts::Change DecayedCounts::Change::of(TimeUs ts, uint16_t weight) {
  Change change;
  const double units = kUnitsPerEvent / kWholeWeight * weight;
  for (size_t h = 0; h < kHalfLives; ++h) {
    const Place at = place_of(std::max<int64_t>(ts.us, 0), h);
    change.level[h] = at.level;
    change.amount[h] = std::llround(std::exp2(at.within) * units);
  }
  return change;
}

DecayedCounts::Moment::Moment(TimeUs now) {
  for (size_t h = 0; h < kHalfLives; ++h) {
    const Place at = place_of(std::max<int64_t>(now.us, 0), h);
    level[h] = at.level;
    here[h] = std::exp2(-at.within) / kUnitsPerEvent;
    before[h] = here[h] * std::exp2(-static_cast<double>(kHalfLivesPerLevel));
  }
}

void DecayedCounts::add_one(size_t which, int32_t level, int64_t amount) {
  int32_t& newest = newest_[which];
  auto& sums = sums_[which];
  if (level > newest) {
    sums[place(level)] = 0;
    if (newest == kNone || level > newest + 1) sums[place(level + 1)] = 0;
    newest = level;
  }
  if (newest - level >= 2) return;
  sums[place(level)] = saturating_add(sums[place(level)], amount);
}

void DecayedCounts::add(const Change& change) {
  for (size_t h = 0; h < kHalfLives; ++h) add_one(h, change.level[h], change.amount[h]);
}

void DecayedCounts::merge(const DecayedCounts& other, int sign) {
  for (size_t h = 0; h < kHalfLives; ++h) {
    const int32_t newest = other.newest_[h];
    if (newest == kNone) continue;
    for (const int32_t level : {newest - 1, newest}) {
      add_one(h, level, sign * other.sums_[h][place(level)]);
    }
  }
}

// A level that lies in the future was logged under a clock that ran ahead: it weighs as at its end.
double DecayedCounts::read_past(HalfLife which, const Moment& moment) const {
  const int32_t newest = newest_[which];
  if (newest == kNone) return 0;
  double sum = 0;
  for (const int32_t level : {newest - 1, newest}) {
    const int32_t below = moment.level[which] - level;
    if (below >= 2) continue;
    const double factor = below == 1   ? moment.before[which]
                          : below == 0 ? moment.here[which]
                                       : std::exp2(-kHalfLivesPerLevel) / kUnitsPerEvent;
    sum += static_cast<double>(sums_[which][place(level)]) * factor;
  }
  return sum;
}

void DecayedCounts::encode(ByteWriter& out) const {
  for (size_t h = 0; h < kHalfLives; ++h) {
    out.varint(newest_[h] == kNone ? 0 : static_cast<uint64_t>(newest_[h]) + 1);
    if (newest_[h] == kNone) continue;
    for (const int32_t level : {newest_[h], newest_[h] - 1}) out.zigzag(sums_[h][place(level)]);
  }
}

std::optional<DecayedCounts> DecayedCounts::decode(ByteReader& in) {
  DecayedCounts counts;
  for (size_t h = 0; h < kHalfLives; ++h) {
    const uint64_t newest = in.varint();
    if (newest == 0) continue;
    if (newest > kLevelMax) return std::nullopt;
    counts.newest_[h] = static_cast<int32_t>(newest) - 1;
    for (const int32_t level : {counts.newest_[h], counts.newest_[h] - 1}) {
      counts.sums_[h][place(level)] = in.zigzag();
    }
  }
  if (!in.ok()) return std::nullopt;
  return counts;
}

}  // namespace palate
