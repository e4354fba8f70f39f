#include "features/decayed_counts.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace palate {
namespace {

using Change = DecayedCounts::Change;
using Moment = DecayedCounts::Moment;

constexpr int64_t kHourUs = 3600 * kSecondUs;

std::vector<int64_t> draw_times(int64_t until_us) {
  return *rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(0, until_us));
}

std::string bytes_of(const DecayedCounts& counts) {
  ByteWriter out;
  counts.encode(out);
  return out.take();
}

RC_GTEST_PROP(DecayedCounts, OrderAndCutsDoNotChangeTheBits, ()) {
  auto times = draw_times(400 * kDayUs);
  DecayedCounts a, b, c;
  for (const int64_t us : times) a.add(Change::of({us}));
  std::shuffle(times.begin(), times.end(), std::minstd_rand(*rc::gen::arbitrary<uint32_t>()));
  for (size_t i = 0; i < times.size(); ++i) (i % 2 == 0 ? b : c).add(Change::of({times[i]}));
  b.merge(c, 1);
  RC_ASSERT(bytes_of(a) == bytes_of(b));
}

RC_GTEST_PROP(DecayedCounts, EqualsThePlainSum, ()) {
  const int64_t now = 60 * kDayUs;
  DecayedCounts counts;
  std::array<double, kHalfLives> plain{};
  for (const int64_t us : draw_times(now)) {
    counts.add(Change::of({us}));
    for (size_t h = 0; h < kHalfLives; ++h) {
      plain[h] += std::exp2(-static_cast<double>(now - us) / static_cast<double>(kHalfLivesUs[h]));
    }
  }
  for (size_t h = 0; h < kHalfLives; ++h) {
    const double read = counts.read(static_cast<HalfLife>(h), Moment({now}));
    RC_ASSERT(std::abs(read - plain[h]) <= 2e-3 * (1 + plain[h]));
  }
}

// What an item brings along and takes away leaves no trace.
RC_GTEST_PROP(DecayedCounts, WhatIsTakenAwayReadsAsIfItHadNeverBeen, ()) {
  const int64_t now = 40 * kDayUs;
  DecayedCounts stays, all, moved;
  for (const int64_t us : draw_times(now)) {
    const bool leaves = *rc::gen::arbitrary<bool>();
    (leaves ? moved : stays).add(Change::of({us}));
    all.add(Change::of({us}));
  }
  all.merge(moved, -1);
  for (size_t h = 0; h < kHalfLives; ++h) {
    const auto which = static_cast<HalfLife>(h);
    RC_ASSERT(all.read(which, Moment({now})) == stays.read(which, Moment({now})));
  }
}

RC_GTEST_PROP(DecayedCounts, SurvivesTheStore, ()) {
  DecayedCounts counts;
  for (const int64_t us : draw_times(400 * kDayUs)) counts.add(Change::of({us}));
  const std::string bytes = bytes_of(counts);
  ByteReader in(bytes);
  RC_ASSERT(DecayedCounts::decode(in) == counts);
  RC_ASSERT(in.at_end());
  ByteReader torn(std::string_view(bytes).substr(0, bytes.size() - 1));
  RC_ASSERT(!DecayedCounts::decode(torn));
}

TEST(DecayedCounts, HalvesEachHalfLife) {
  DecayedCounts counts;
  const int64_t now = 1000 * kHourUs;
  counts.add(Change::of({now}, kWholeWeight / 2));
  EXPECT_NEAR(counts.read(kHour, Moment({now})), 0.5, 1e-4);
  EXPECT_NEAR(counts.read(kHour, Moment({now + 3 * kHourUs})), 0.0625, 1e-4);
  EXPECT_NEAR(counts.read(kDay, Moment({now + kDayUs})), 0.25, 1e-4);
  EXPECT_EQ(counts.read(kHour, Moment({now + 100 * kHourUs})), 0);
}

}  // namespace
}  // namespace palate
