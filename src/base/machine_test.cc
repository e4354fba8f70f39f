#include "base/machine.h"

#include <sys/resource.h>

#include <gtest/gtest.h>

namespace palate {
namespace {

// A machine as its files under /proc and /sys tell it.
class Machine : public testing::Test {
 protected:
  void SetUp() override {
    root_ =
        Path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
    say("proc/meminfo", "MemTotal:  8000 kB\nMemFree: 1 kB\nMemAvailable:    6000 kB\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void say(const Path& file, std::string_view text) {
    std::filesystem::create_directories((root_ / file).parent_path());
    ASSERT_TRUE(write_file_atomically(root_ / file, text));
  }

  Path root_;
};

TEST_F(Machine, MemoryOfAMachineWithoutGroups) {
  const auto memory = read_memory(root_);
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->total_bytes, 8000u * 1024);
  EXPECT_EQ(memory->available_bytes, 6000u * 1024);
  EXPECT_EQ(memory->limited_by, "machine");
}

TEST_F(Machine, TheTightestGroupOnTheWayUpCounts) {
  say("proc/self/cgroup", "0::/team/service\n");
  say("sys/fs/cgroup/team/service/memory.max", "max\n");
  say("sys/fs/cgroup/team/memory.max", "4096000\n");
  say("sys/fs/cgroup/team/memory.current", "3096000\n");
  say("sys/fs/cgroup/team/memory.stat", "anon 5\ninactive_file 1000000\n");
  const auto memory = read_memory(root_);
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->total_bytes, 4096000u);
  EXPECT_EQ(memory->available_bytes, 2000000u);  // what files hold can be taken back
  EXPECT_EQ(memory->limited_by, "control group");
}

TEST_F(Machine, OldGroupsAndTheirWayOfSayingNoLimit) {
  say("proc/self/cgroup", "9:cpu,cpuacct:/box\n4:memory:/box\n");
  say("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(read_memory(root_)->limited_by, "machine");
  say("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "1000\n");
  say("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "400\n");
  EXPECT_EQ(read_memory(root_)->available_bytes, 600u);
  say("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "50000\n");
  say("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(read_cpu(root_).processors, 0.5);
}

TEST_F(Machine, AContainerSeesItsLimitAtTheMount) {
  say("proc/self/cgroup", "0::/not/visible/from/inside\n");
  say("sys/fs/cgroup/memory.max", "2000\n");
  say("sys/fs/cgroup/memory.current", "5000\n");  // over it for a moment
  EXPECT_EQ(read_memory(root_)->available_bytes, 0u);
  say("sys/fs/cgroup/cpu.max", "25000 100000\n");
  EXPECT_DOUBLE_EQ(read_cpu(root_).processors, 0.25);
}

TEST_F(Machine, AKernelThatSaysNothingIsAnError) {
  say("proc/meminfo", "nonsense\n");
  EXPECT_EQ(read_memory(root_).error().code, Code::kUnavailable);
  EXPECT_EQ(read_cpu(root_).model, "unknown");
}

TEST_F(Machine, ModelAndFlagsOfTheProcessor) {
  say("proc/cpuinfo",
      "processor\t: 0\nmodel name\t: Some  Chip 9000\nflags\t\t: fpu avx2 avx512_vnni\n");
  const Cpu cpu = read_cpu(root_);
  EXPECT_EQ(cpu.model, "Some Chip 9000");
  EXPECT_TRUE(cpu.flags.contains("avx512_vnni"));
  EXPECT_FALSE(cpu.flags.contains("avx"));
}

TEST_F(Machine, TheFileSystemOfTheLongestMount) {
  const std::string place = std::filesystem::canonical(root_).string();
  say("proc/self/mounts",
      "a / ext4 rw 0 0\nb " + place + " nfs4 rw 0 0\nc " + place + "-other xfs rw 0 0\n");
  const auto disk = read_disk(root_, root_);
  ASSERT_TRUE(disk);
  EXPECT_EQ(disk->file_system, "nfs4");
  EXPECT_GT(disk->total_bytes, disk->free_bytes / 2);
  EXPECT_EQ(read_disk(root_ / "nowhere").error().code, Code::kNotFound);
}

TEST_F(Machine, MeasuringADiskLeavesNothingBehind) {
  std::filesystem::create_directories(root_ / "disk");
  const auto speed = measure_disk(root_ / "disk");
  ASSERT_TRUE(speed);
  EXPECT_GT(speed->write_mib_per_s, 0);
  EXPECT_GE(speed->sync_ms_max, speed->sync_ms_p50);
  EXPECT_TRUE(std::filesystem::is_empty(root_ / "disk"));
  EXPECT_EQ(measure_disk(root_ / "nowhere").error().code, Code::kNotFound);
}

TEST(MachineHere, SaysWhatIsPlausible) {
  EXPECT_GE(read_cpu().processors, 0.01);
  const auto memory = read_memory();
  ASSERT_TRUE(memory);
  EXPECT_GT(memory->available_bytes, 1u << 20);
  EXPECT_GE(memory->total_bytes, memory->available_bytes);
  EXPECT_GT(open_files_max(), 2u);
}

}  // namespace
}  // namespace palate
