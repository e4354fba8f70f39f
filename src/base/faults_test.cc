#include "base/faults.h"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <new>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/threads.h"

namespace palate {
namespace {

using ::testing::HasSubstr;

class FaultsTest : public ::testing::Test {
 protected:
  FaultsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "palate-faults-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~FaultsTest() override {
    set_file_faults_for_test(nullptr);
    set_available_memory_for_test(std::nullopt);
    std::filesystem::remove_all(folder_);
  }
  Path folder_;
};

TEST_F(FaultsTest, PlansSayWhatFailsWhere) {
  const auto plan = parse_fault_plan("error=ENOSPC,op=write,path=/db,nth=3,times=0,trace=/t");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->error, ENOSPC);
  EXPECT_FALSE(plan->kills);
  EXPECT_EQ(plan->operation, "write");
  EXPECT_EQ(plan->path, "/db");
  EXPECT_EQ(plan->nth, 3u);
  EXPECT_EQ(plan->times, 0u);
  EXPECT_EQ(plan->trace, "/t");
  EXPECT_TRUE(parse_fault_plan("error=kill")->kills);
  EXPECT_EQ(parse_fault_plan("memory=5")->memory_bytes, 5u);
  for (const char* wrong : {"error", "error=EWHAT", "nth=x", "nth=", "colour=red", "=", "nth=3x"}) {
    EXPECT_THAT(parse_fault_plan(wrong).error().message, HasSubstr("not understood")) << wrong;
  }
}

// Whatever step of it fails, a file written atomically is the old one or the new one, and nothing
// else lies about.
TEST_F(FaultsTest, EveryStepOfAnAtomicWriteMayFail) {
  const Path file = folder_ / "f";
  ASSERT_TRUE(write_file_atomically(file, "old"));
  int steps = 0;
  for (int failing = 0; failing <= steps; ++failing) {
    int step = 0;
    set_file_faults_for_test(
        [&](std::string_view, const Path&) { return step++ == failing ? ENOSPC : 0; });
    const Status written = write_file_atomically(file, "new");
    set_file_faults_for_test(nullptr);
    if (failing == 0) steps = 4;  // create, write, sync, rename; then the directory
    if (failing < 4) {
      ASSERT_FALSE(written) << failing;
      EXPECT_EQ(written.error().code, Code::kNoSpace);
      EXPECT_EQ(*read_file(file), "old") << failing;
    }
    EXPECT_EQ(remove_leftovers(folder_), 0u) << "nothing is left behind by step " << failing;
  }
  EXPECT_EQ(*read_file(file), "new");
}

TEST_F(FaultsTest, LeftoversOfTheDeadGoAndWorkInHandStays) {
  std::ofstream(folder_ / ".a.tmp-1-0") << "x";
  std::filesystem::create_directories(folder_ / ".b.tmp-1-0" / "deep");
  std::ofstream(folder_ / "kept") << "x";
  auto pending = PendingDirectory::create(folder_ / "whole");
  ASSERT_TRUE(pending) << pending.error().message;
  EXPECT_EQ(remove_leftovers(folder_), 2u);
  EXPECT_TRUE(std::filesystem::exists(pending->path()));
  ASSERT_TRUE(pending->commit());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "whole"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "kept"));
  EXPECT_EQ(remove_leftovers(folder_), 0u);
}

TEST_F(FaultsTest, WorkThatDoesNotFitIsRefusedWithBothFigures) {
  set_available_memory_for_test(uint64_t{100} << 20);
  EXPECT_TRUE(check_memory(uint64_t{100} << 20, "it", "Do less."));
  const Status refused = check_memory((uint64_t{100} << 20) + 1, "training", "Do less.");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNoMemory);
  EXPECT_THAT(refused.error().message, HasSubstr("training needs about 101 MiB"));
  EXPECT_THAT(refused.error().message, HasSubstr("leaves 100 MiB"));
  EXPECT_THAT(refused.error().message, HasSubstr("Do less."));
  EXPECT_GT(peak_memory_bytes(), uint64_t{1} << 20);
}

TEST(PoolTest, MemoryThatIsNotThereIsThrownOnTheCaller) {
  for (const size_t threads : {1, 3}) {
    ThreadPool pool(threads);
    std::atomic<int> ran{0};
    const auto body = [&](size_t block, size_t) {
      ++ran;
      if (block == 5) throw std::bad_alloc();
    };
    EXPECT_THROW(static_cast<void>(pool.for_blocks(1000, body)), std::bad_alloc);
    if (threads == 1) {
      EXPECT_EQ(ran.load(), 6) << "no block starts after one has failed";
    }
    EXPECT_TRUE(pool.for_blocks(4, [](size_t, size_t) {})) << "the pool goes on";
  }
}

TEST(ClockTest, AJumpIsBelievedOnlyOnceItHasLasted) {
  constexpr int64_t kYear = 365 * kDayUs;
  SteadyWallClock clock;
  const TimeUs start{56 * kYear};
  EXPECT_EQ(clock.look(start, 1000), start);
  const auto after = [&](int64_t us) { return TimeUs{start.us + us}; };
  EXPECT_EQ(clock.look(after(kSecondUs), 1000 + kSecondUs), after(kSecondUs));
  for (const int64_t jump : {10 * kYear, -30 * kYear}) {
    EXPECT_EQ(clock.look(after(jump + 2 * kSecondUs), 1000 + 2 * kSecondUs), after(2 * kSecondUs));
  }
  EXPECT_EQ(clock.look(after(3 * kSecondUs), 1000 + 3 * kSecondUs), after(3 * kSecondUs));
  // This one stays.
  const int64_t since = 4 * kSecondUs;
  EXPECT_EQ(clock.look(after(kYear + since), 1000 + since), after(since));
  const int64_t late = since + kClockBeliefUs;
  EXPECT_EQ(clock.look(after(kYear + late - 1), 1000 + late - 1), after(late - 1));
  EXPECT_EQ(clock.look(after(kYear + late), 1000 + late), after(kYear + late));
  EXPECT_EQ(clock.look(after(kYear + late + 5), 1000 + late + 5), after(kYear + late + 5));
}

// Whatever the wall clock does within ten minutes, time goes on within a minute of what has passed.
RC_GTEST_PROP(ClockTest, ShortMadnessIsNotSeen, (std::vector<int32_t> jumps_s)) {
  SteadyWallClock clock;
  const TimeUs start{50LL * 365 * kDayUs};
  static_cast<void>(clock.look(start, 0));
  int64_t passed = 0, drift = 0;
  for (const int32_t jump : jumps_s) {
    passed += kSecondUs;
    if (passed >= kClockBeliefUs) break;
    const int64_t wall = start.us + passed + int64_t{jump} * kSecondUs;
    const int64_t seen = clock.look({wall}, passed).us - start.us - passed;
    RC_ASSERT(std::abs(seen - drift) <= kClockJumpUs);
    drift = seen;
  }
}

}  // namespace
}  // namespace palate
