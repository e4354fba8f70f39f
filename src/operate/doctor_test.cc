#include "operate/doctor.h"

#include <algorithm>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "ingest/data_directory.h"

namespace palate {
namespace {

class Doctor : public testing::Test {
 protected:
  void SetUp() override {
    root_ =
        Path(testing::TempDir()) /
        ("doctor-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    job_.data = root_ / "data";
    job_.tenant = {"default"};
    job_.serve.port = 0;
    job_.measure_disk = false;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  // The machine as these files tell it, instead of the one that runs the test.
  void machine_says(const Path& file, std::string_view text) {
    job_.machine = root_ / "machine";
    std::filesystem::create_directories((job_.machine / file).parent_path());
    ASSERT_TRUE(write_file_atomically(job_.machine / file, text));
  }

  Finding found(std::string_view area, std::string_view name) {
    for (const Finding& finding : examine(job_)) {
      if (finding.area == area && finding.name == name) return finding;
    }
    ADD_FAILURE() << "no finding " << area << ", " << name;
    return {};
  }

  void make_data() {
    EventTypes types = EventTypes::defaults();
    ASSERT_TRUE(DataDirectory::open(
        {.data = job_.data, .tenant = job_.tenant, .mode = OpenMode::kWriter}, types));
  }

  Path root_;
  DoctorJob job_;
};

TEST_F(Doctor, ADirectoryThatIsNotThereYetIsNoFault) {
  EXPECT_EQ(found("data", "directory").health, Health::kGood);
  EXPECT_FALSE(std::filesystem::exists(job_.data)) << "looking must not make anything";
}

TEST_F(Doctor, EverythingWrongHasAdvice) {
  machine_says("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable: 900 kB\n");
  job_.serve.host = "not-an-address";
  for (const Finding& finding : examine(job_)) {
    EXPECT_EQ(finding.advice.empty(), finding.health == Health::kGood) << finding.name;
    EXPECT_FALSE(finding.found.empty()) << finding.name;
  }
  EXPECT_EQ(found("settings", "port").health, Health::kBad);
}

TEST_F(Doctor, AMachineThatIsTooSmall) {
  machine_says("proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable: 900000 kB\n");
  machine_says("proc/cpuinfo", "model name : Old Chip\nflags : fpu sse2\n");
  EXPECT_EQ(found("machine", "memory").health, Health::kWarning);
  EXPECT_EQ(found("machine", "instructions").health, Health::kWarning);
  machine_says("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable: 900 kB\n");
  EXPECT_EQ(found("machine", "memory").health, Health::kBad);
  machine_says("proc/cpuinfo", "model name : Chip\nflags : avx2 fma\n");
  EXPECT_EQ(found("machine", "instructions").health, Health::kGood);
}

TEST_F(Doctor, DataOnADiskThatForgets) {
  machine_says("proc/self/mounts", "none / tmpfs rw 0 0\n");
  EXPECT_EQ(found("disk", "file system").health, Health::kWarning);
  machine_says("proc/self/mounts", "none / tmpfs rw 0 0\n/dev/sda / ext4 rw 0 0\n");
  EXPECT_EQ(found("disk", "file system").health, Health::kGood);
}

TEST_F(Doctor, APortThatAnotherProgramHas) {
  const int other = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(other, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(other, 1), 0);
  ASSERT_EQ(::getsockname(other, reinterpret_cast<sockaddr*>(&address), &size), 0);
  job_.serve.port = ntohs(address.sin_port);
  EXPECT_EQ(found("settings", "port").health, Health::kWarning);
  ::close(other);
  EXPECT_EQ(found("settings", "port").health, Health::kGood);
}

TEST_F(Doctor, ListeningOnEveryInterfaceIsSaid) {
  EXPECT_EQ(found("settings", "listening on").health, Health::kGood);
  job_.serve.host = "0.0.0.0";
  EXPECT_EQ(found("settings", "listening on").health, Health::kWarning);
}

TEST_F(Doctor, MoreConnectionsThanFiles) {
  job_.serve.connections_max = 1'000'000'000;
  EXPECT_EQ(found("settings", "open files").health, Health::kWarning);
}

TEST_F(Doctor, SoundDataWithoutModels) {
  make_data();
  EXPECT_EQ(found("data", "log and state").health, Health::kGood);
  EXPECT_EQ(found("data", "id.key").health, Health::kGood);
  const Finding release = found("data", "release");
  EXPECT_EQ(release.health, Health::kWarning);
  EXPECT_NE(release.advice.find("palate train"), std::string::npos);
}

TEST_F(Doctor, ASecretThatOthersCanRead) {
  make_data();
  std::filesystem::permissions(job_.data / "default" / "id.key", std::filesystem::perms(0644));
  const Finding key = found("data", "id.key");
  EXPECT_EQ(key.health, Health::kWarning);
  EXPECT_NE(key.advice.find("chmod 600"), std::string::npos);
}

TEST_F(Doctor, ABrokenDatabaseAndABrokenReleaseAreBad) {
  make_data();
  const Path root = job_.data / "default";
  ASSERT_TRUE(write_file_atomically(root / "db" / "CURRENT", "nonsense\n"));
  EXPECT_EQ(found("data", "log and state").health, Health::kBad);
  std::filesystem::create_directories(root / "releases");
  ASSERT_TRUE(write_file_atomically(root / "releases" / "CURRENT", "nonsense"));
  EXPECT_EQ(found("data", "release").health, Health::kBad);
}

TEST_F(Doctor, TheDiskIsMeasuredOnlyWhenAsked) {
  const auto measured = [&] {
    const auto findings = examine(job_);
    return std::ranges::any_of(findings, [](const Finding& f) { return f.name == "fsync"; });
  };
  EXPECT_FALSE(measured());
  job_.measure_disk = true;
  EXPECT_TRUE(measured());
  EXPECT_FALSE(std::filesystem::exists(job_.data));
}

}  // namespace
}  // namespace palate
