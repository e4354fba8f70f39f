#include "models/trending/trending.h"

#include <gtest/gtest.h>

#include "models/contract.h"

namespace palate {
namespace {

constexpr int64_t kDayUs = 86'400 * kSecondUs;

// Item 0: two a day for sixty days. Item 1: none but five a day in the last three. Item 2: one,
// now.
Dataset sixty_days(TimeKind time) {
  std::vector<uint64_t> start{0};
  std::vector<HistoryEntry> rows;
  const auto add = [&](uint32_t item, int64_t day) {
    rows.push_back({{item}, {0}, false, 0.0F, 1.0F, {day * kDayUs}, rows.size()});
    start.push_back(rows.size());
  };
  for (int64_t day = 0; day < 60; ++day) {
    add(0, day), add(0, day);
    for (int n = 0; day >= 57 && n < 5; ++n) add(1, day);
  }
  add(2, 59);
  return Dataset::from_rows(3, std::move(start), std::move(rows), time);
}

std::vector<uint32_t> order(const char* kind, TimeKind time) {
  const auto trained = train_for_test(kind, DatasetView(sixty_days(time)));
  EXPECT_TRUE(trained) << trained.error().message;
  Scratch scratch;
  const TopKRequest request{{}, {}, 3};
  std::vector<uint32_t> out;
  if (!trained) return out;
  const auto lists = trained->model->top_k({&request, 1}, scratch);
  for (const Scored& item : lists[0]) {
    out.push_back(item.item.value);
  }
  return out;
}

TEST(Trending, WhatRisesGoesBeforeWhatIsOftenHad) {
  EXPECT_EQ(order("popularity", TimeKind::kReal), (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_EQ(order("trending", TimeKind::kReal), (std::vector<uint32_t>{1, 0, 2}));
}

TEST(Trending, WithoutTimesItIsPopularity) {
  EXPECT_EQ(order("trending", TimeKind::kNone), (std::vector<uint32_t>{0, 1, 2}));
}

TEST(Trending, TheUsualMustBeLongerThanLately) {
  TrainOptions options;
  options.configs.trending.usual_half_life_s = options.configs.trending.recent_half_life_s;
  const auto trained =
      train_for_test("trending", DatasetView(sixty_days(TimeKind::kReal)), options);
  ASSERT_FALSE(trained);
  EXPECT_EQ(trained.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace palate
