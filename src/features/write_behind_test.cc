#include "features/write_behind.h"

#include <atomic>

#include <gtest/gtest.h>

namespace palate {
namespace {

using std::chrono::milliseconds;

// Long enough for a machine that is busy with something else.
bool reaches(const std::atomic<int>& count, int wanted) {
  for (int i = 0; i < 20'000 && count < wanted; ++i) std::this_thread::sleep_for(milliseconds(1));
  return count >= wanted;
}

TEST(WriteBehind, FlushesOnceAfterTheDelayHoweverMuchChanged) {
  std::atomic<int> flushed = 0;
  WriteBehind behind([&]() -> Status { return ++flushed, Status(); }, milliseconds(300));
  for (int i = 0; i < 100; ++i) behind.changed();
  EXPECT_EQ(flushed, 0);
  ASSERT_TRUE(reaches(flushed, 1));
  std::this_thread::sleep_for(milliseconds(700));
  EXPECT_EQ(flushed, 1) << "nothing has changed since";
}

TEST(WriteBehind, HurriesAndFlushesWhenAsked) {
  std::atomic<int> flushed = 0;
  WriteBehind behind([&]() -> Status { return ++flushed, Status(); }, std::chrono::hours(1));
  behind.changed();
  behind.hurry();
  EXPECT_TRUE(reaches(flushed, 1));
  EXPECT_TRUE(behind.flush());
  EXPECT_EQ(flushed, 2);
}

TEST(WriteBehind, TriesAgainWhatFailed) {
  std::atomic<int> tries = 0;
  WriteBehind behind(
      [&]() -> Status {
        if (++tries < 3) return fail(Code::kNoSpace, "the test's disk is full");
        return {};
      },
      milliseconds(5));
  behind.changed();
  EXPECT_TRUE(reaches(tries, 3));
}

TEST(WriteBehind, EndsWithoutFlushing) {
  std::atomic<int> flushed = 0;
  {
    WriteBehind behind([&]() -> Status { return ++flushed, Status(); }, std::chrono::hours(1));
    behind.changed();
  }
  EXPECT_EQ(flushed, 0);
}

}  // namespace
}  // namespace palate
