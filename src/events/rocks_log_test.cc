#include "events/rocks_log.h"

#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <spawn.h>
#include <stdlib.h>

#include "events/log_contract.h"

namespace palate {
namespace {

using Mode = DatabaseOptions::Mode;

// Set in the environment of the process that KillNineLosesNothingAcknowledged starts and kills.
constexpr const char* kCrashPath = "PALATE_LOG_CRASH_PATH";
constexpr const char* kCrashPipe = "PALATE_LOG_CRASH_PIPE";

struct Opened {
  std::unique_ptr<Database> database;
  std::unique_ptr<RocksLog> log;
};

Result<Opened> open_log(const Path& path, Mode mode = Mode::kWriter) {
  Opened opened;
  opened.database = TRY(Database::open({.path = path, .tenant = {}, .mode = mode}));
  opened.log = TRY(RocksLog::open(*opened.database));
  return opened;
}

Path make_root() {
  std::string name = (std::filesystem::temp_directory_path() / "palate-log-XXXXXX").string();
  return mkdtemp(name.data());
}

class RocksFixture : public EventLogFixture {
 public:
  ~RocksFixture() override {
    opened_ = {};
    std::filesystem::remove_all(root_);
  }
  EventLog& log() override { return *opened_.log; }
  void reopen() override {
    opened_ = {};
    opened_ = open_log(root_ / "db").value();
  }

 private:
  Path root_ = make_root();
  Opened opened_ = open_log(root_ / "db").value();
};

std::unique_ptr<EventLogFixture> make_rocks() { return std::make_unique<RocksFixture>(); }

INSTANTIATE_TEST_SUITE_P(Rocks, EventLogContract, ::testing::Values(make_rocks));

// ---- what is RocksDB's own -----------------------------------------------------------------

EventLog::Append numbered_block(int64_t first, uint32_t count) {
  const EventTypes types = EventTypes::defaults();
  std::vector<EventView> rows(count);
  for (uint32_t i = 0; i < count; ++i) {
    rows[i].user = "u";
    rows[i].ts = rows[i].received = TimeUs{first + i};
    rows[i].type = types.find("click").value();
  }
  return {Stream::kEvents, 0, count, encode_events(rows, types).front().bytes};
}

TEST(RocksLog, OffsetsCountRecords) {
  const Path root = make_root();
  {
    const Opened opened = open_log(root / "db").value();
    const std::vector<EventLog::Append> blocks{numbered_block(0, 3), numbered_block(3, 2)};
    EXPECT_THAT(
        opened.log->append(blocks).value(),
        ::testing::ElementsAre(Position{Stream::kEvents, 0, 0}, Position{Stream::kEvents, 0, 3}));
    EXPECT_THAT(opened.log->ends().value(),
                ::testing::ElementsAre(Position{Stream::kEvents, 0, 5}));
  }
  std::filesystem::remove_all(root);
}

// The place in another stream comes back with the blocks that were stored in the same step.
TEST(RocksLog, MarksAreAsDurableAsTheBlocksBesideThem) {
  const Path root = make_root();
  {
    const Opened opened = open_log(root / "db").value();
    const EventLog::Append block = numbered_block(0, 3);
    ASSERT_TRUE(opened.log->append_marked({&block, 1}, {{"a/0", 7}, {"a/1", 1}}));
    ASSERT_TRUE(opened.log->append_marked({}, {{"a/0", 9}}));
    EventLog::Append damaged = numbered_block(3, 1);
    damaged.count = 2;
    ASSERT_FALSE(opened.log->append_marked({&damaged, 1}, {{"a/0", 11}}));
  }
  {
    const Opened opened = open_log(root / "db").value();
    EXPECT_THAT(opened.log->marks(),
                ::testing::ElementsAre(std::pair("a/0", 9), std::pair("a/1", 1)));
  }
  std::filesystem::remove_all(root);
}

Result<std::vector<int64_t>> read_times(const EventLog& log) {
  std::vector<int64_t> times;
  TRY(log.read({}, [&](const EventLog::Block& block) -> Status {
    const EventBatch batch = TRY(decode_events(block.bytes, EventTypes::defaults()));
    for (const EventView& row : batch.rows) times.push_back(row.ts.us);
    return {};
  }));
  return times;
}

class RocksLogTest : public ::testing::Test {
 protected:
  ~RocksLogTest() override {
    if (!root_.empty()) std::filesystem::remove_all(root_);
  }

  [[nodiscard]] Path path() const { return root_ / "db"; }
  // The stored key of an offset of the event stream's first partition.
  static std::string key(uint64_t offset) {
    std::string bytes(13, '\0');
    for (size_t i = 0; i < 8; ++i) bytes[5 + i] = static_cast<char>(offset >> (56 - 8 * i));
    return bytes;
  }
  void fill(int blocks) {
    const Opened opened = open_log(path()).value();
    for (int i = 0; i < blocks; ++i) {
      ASSERT_TRUE(opened.log->append(std::vector{numbered_block(i * 10, 10)}));
    }
  }
  // Changes what RocksDB holds, behind the log's back and under right checksums of RocksDB.
  void change(const std::function<void(rocksdb::DB&, rocksdb::ColumnFamilyHandle*)>& change) {
    const auto database =
        Database::open({.path = path(), .tenant = {}, .mode = Mode::kWriter}).value();
    change(database->rocks(), database->column(Column::kLog));
  }

  // The process that is killed would leave its own folder behind.
  Path root_ = getenv(kCrashPath) == nullptr ? make_root() : Path();
};

TEST_F(RocksLogTest, AMissingLastButOneBlockIsFoundOnOpening) {
  fill(5);
  change([](auto& db, auto* column) { ASSERT_TRUE(db.Delete({}, column, key(30)).ok()); });
  const auto opened = open_log(path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_THAT(opened.error().message, ::testing::HasSubstr("events/0@40"));
}

TEST_F(RocksLogTest, AMissingBlockIsFoundWhenReadAndNamed) {
  fill(5);
  change([](auto& db, auto* column) { ASSERT_TRUE(db.Delete({}, column, key(10)).ok()); });
  const Opened opened = open_log(path()).value();
  const auto read = read_times(*opened.log);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kCorrupt);
  EXPECT_THAT(read.error().message, ::testing::HasSubstr("events/0@10"));
}

TEST_F(RocksLogTest, AMissingFirstBlockIsFound) {
  fill(3);
  change([](auto& db, auto* column) { ASSERT_TRUE(db.Delete({}, column, key(0)).ok()); });
  const auto opened = open_log(path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_THAT(opened.error().message, ::testing::HasSubstr("events/0@0"));
}

TEST_F(RocksLogTest, OverlappingBlocksAreFound) {
  fill(5);
  change([](auto& db, auto* column) {
    std::string value;
    ASSERT_TRUE(db.Get({}, column, key(10), &value).ok());
    ASSERT_TRUE(db.Put({}, column, key(15), value).ok());
  });
  const Opened opened = open_log(path()).value();
  EXPECT_EQ(read_times(*opened.log).error().code, Code::kCorrupt);
}

TEST_F(RocksLogTest, AFlippedBitInABlockIsNamedByItsPosition) {
  fill(5);
  change([](auto& db, auto* column) {
    std::string value;
    ASSERT_TRUE(db.Get({}, column, key(20), &value).ok());
    value[value.size() / 2] = static_cast<char>(value[value.size() / 2] ^ 4);
    ASSERT_TRUE(db.Put({}, column, key(20), value).ok());
  });
  const Opened opened = open_log(path()).value();
  const auto read = read_times(*opened.log);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kCorrupt);
  EXPECT_THAT(read.error().message, ::testing::HasSubstr("events/0@20"));
}

TEST_F(RocksLogTest, ACountOrKeyThatIsNotTheBlocksIsFound) {
  fill(1);
  change([](auto& db, auto* column) {
    std::string value;
    ASSERT_TRUE(db.Get({}, column, key(0), &value).ok());
    value[0] = 9;
    ASSERT_TRUE(db.Put({}, column, key(0), value).ok());
  });
  EXPECT_EQ(open_log(path()).error().code, Code::kCorrupt);
  change([](auto& db, auto* column) {
    ASSERT_TRUE(db.Delete({}, column, key(0)).ok());
    ASSERT_TRUE(db.Put({}, column, "odd", "value").ok());
  });
  EXPECT_EQ(open_log(path()).error().code, Code::kCorrupt);
}

TEST_F(RocksLogTest, AReaderFollowsTheWriterAcrossFlushes) {
  fill(2);
  const Opened writer = open_log(path()).value();
  const Opened reader = open_log(path(), Mode::kReader).value();
  EXPECT_EQ(read_times(*reader.log)->size(), 20U);
  for (int i = 2; i < 12; ++i) {
    ASSERT_TRUE(writer.log->append(std::vector{numbered_block(i * 10, 10)}));
    if (i % 3 == 0) {
      ASSERT_TRUE(writer.database->rocks().Flush({}, writer.database->column(Column::kLog)).ok());
    }
    EXPECT_EQ(read_times(*reader.log)->size(), static_cast<size_t>(i * 10));
    ASSERT_TRUE(reader.database->catch_up());
    ASSERT_TRUE(reader.log->refresh());
    EXPECT_EQ(reader.log->ends().value(), writer.log->ends().value());
  }
  EXPECT_EQ(read_times(*reader.log).value(), read_times(*writer.log).value());
}

// ---- kill -9 -------------------------------------------------------------------------------

// The process that is killed: appends, and says after each acknowledgement where the log ends.
void append_until_killed(const Path& path, int pipe) {
  const Opened opened = open_log(path).value();
  const AsOf ends = opened.log->ends().value();
  uint64_t next = ends.empty() ? 0 : ends.front().offset;
  for (int i = 0; i < 1'000'000; ++i) {
    const uint32_t count = 1 + static_cast<uint32_t>(i * 37 % 2000);
    const std::vector<EventLog::Append> group{
        numbered_block(static_cast<int64_t>(next), count),
        numbered_block(static_cast<int64_t>(next + count), 3)};
    ASSERT_EQ(opened.log->append(group).value()[0].offset, next);
    next += count + 3;
    ASSERT_EQ(::write(pipe, &next, sizeof next), static_cast<ssize_t>(sizeof next));
  }
}

// Starts the writer, lets it acknowledge `acks` groups, kills it; returns the last acknowledged
// end.
uint64_t write_until_killed(const Path& path, int acks) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  ::fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  setenv(kCrashPath, path.c_str(), 1);
  setenv(kCrashPipe, std::to_string(ends[1]).c_str(), 1);
  std::string program = "/proc/self/exe";
  std::string filter = "--gtest_filter=RocksLogTest.KillNineLosesNothingAcknowledged";
  std::string quiet = "--gtest_brief=1";
  char* const arguments[] = {program.data(), filter.data(), quiet.data(), nullptr};
  pid_t child = 0;
  const int started = ::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ);
  EXPECT_EQ(started, 0);
  unsetenv(kCrashPath);
  ::close(ends[1]);
  uint64_t acknowledged = 0;
  uint64_t end = 0;
  for (int i = 0; i < acks && ::read(ends[0], &end, sizeof end) == sizeof end; ++i) {
    acknowledged = end;
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself";
  while (::read(ends[0], &end, sizeof end) == sizeof end) acknowledged = end;
  ::close(ends[0]);
  return acknowledged;
}

TEST_F(RocksLogTest, KillNineLosesNothingAcknowledged) {
  if (const char* writers_path = getenv(kCrashPath)) {
    return append_until_killed(writers_path, std::stoi(getenv(kCrashPipe)));
  }
  uint64_t before = 0;
  for (int acks : {1, 2, 5, 3, 17, 40, 4, 1}) {
    const uint64_t acknowledged = write_until_killed(path(), acks);
    EXPECT_GT(acknowledged, before);
    const Opened opened = open_log(path()).value();
    const std::vector<int64_t> times = read_times(*opened.log).value();
    ASSERT_GE(times.size(), acknowledged);
    for (size_t i = 0; i < times.size(); ++i) ASSERT_EQ(times[i], static_cast<int64_t>(i));
    EXPECT_EQ(opened.log->ends().value().front().offset, times.size());
    before = times.size();
  }
}

// ---- erasing and retention ------------------------------------------------------------------

EventLog::Append block_of(const std::string& user, uint32_t count) {
  const EventTypes types = EventTypes::defaults();
  std::vector<EventView> rows(count);
  for (EventView& row : rows) {
    row.user = user;
    row.type = types.find("click").value();
  }
  return {Stream::kEvents, 0, count, encode_events(rows, types).front().bytes};
}

// The users of all rows, in order.
std::vector<std::string> users_of(const RocksLog& log) {
  std::vector<std::string> users;
  EXPECT_TRUE(log.read({}, [&](const EventLog::Block& block) -> Status {
    EXPECT_EQ(block.first.offset, users.size());
    for (const auto& row : TRY(decode_events(block.bytes, EventTypes::defaults())).rows) {
      users.emplace_back(row.user);
    }
    return {};
  }));
  return users;
}

bool any_file_holds(const Path& root, std::string_view text) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    if (read_file(entry.path()).value_or("").contains(text)) return true;
  }
  return false;
}

const VisibleFrom kHideGeorge = [](Stream stream, std::string_view user) -> uint64_t {
  return stream == Stream::kEvents && user == "george-the-forgotten" ? 4 : 0;
};

TEST(RocksLog, WhatIsHiddenIsNotRead) {
  const Path root = make_root();
  const Opened opened = open_log(root / "db").value();
  ASSERT_TRUE(opened.log->append({{block_of("ann", 2), block_of("george-the-forgotten", 3)}}));
  opened.log->hide(std::make_shared<const VisibleFrom>(kHideGeorge));
  EXPECT_THAT(users_of(*opened.log),
              testing::ElementsAre("ann", "ann", "", "", "george-the-forgotten"));
  opened.log->hide(nullptr);
  EXPECT_EQ(users_of(*opened.log)[2], "george-the-forgotten");
  std::filesystem::remove_all(root);
}

TEST(RocksLog, WhatIsErasedIsInNoFile) {
  const Path root = make_root();
  const std::vector<std::string> left{"ann", "ann", "", "", "george-the-forgotten"};
  {
    const Opened opened = open_log(root / "db").value();
    ASSERT_TRUE(opened.log->append({{block_of("ann", 2), block_of("george-the-forgotten", 3)}}));
    EXPECT_TRUE(any_file_holds(root, "george-the-forgotten"));
    const auto erased = opened.log->erase(kHideGeorge, {});
    ASSERT_TRUE(erased) << erased.error().message;
    EXPECT_EQ(erased->blocks, 1u);
    EXPECT_EQ(erased->of.at("george-the-forgotten").events, 2u);
    EXPECT_EQ(users_of(*opened.log), left) << "the last one came after he had asked";
    const VisibleFrom all = [](Stream, std::string_view user) -> uint64_t {
      return user == "george-the-forgotten" ? 100 : 0;
    };
    ASSERT_TRUE(opened.log->erase(all, {}));
    EXPECT_FALSE(any_file_holds(root, "george-the-forgotten"));
    ASSERT_TRUE(opened.log->append({{block_of("bob", 1)}}));
  }
  const Opened again = open_log(root / "db").value();
  EXPECT_THAT(users_of(*again.log), testing::ElementsAre("ann", "ann", "", "", "", "bob"));
  std::filesystem::remove_all(root);
}

TEST(RocksLog, ErasingStopsWhenAsked) {
  const Path root = make_root();
  const Opened opened = open_log(root / "db").value();
  ASSERT_TRUE(opened.log->append({{block_of("ann", 2)}}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(opened.log->erase(kHideGeorge, stop.get_token()).error().code, Code::kCancelled);
  std::filesystem::remove_all(root);
}

TEST(RocksLog, WhatAStoppedErasingHasLeftGoesWithTheNext) {
  const Path root = make_root();
  {
    const Opened first = open_log(root / "db").value();
    ASSERT_TRUE(first.log->append({{block_of("george-the-forgotten", 2), block_of("ann", 2)}}));
  }
  const Opened opened = open_log(root / "db").value();  // which puts it into a table
  std::stop_source stop;
  const VisibleFrom stopping = [&](Stream stream, std::string_view user) -> uint64_t {
    if (user == "ann") stop.request_stop();  // behind the block that was rewritten
    return kHideGeorge(stream, user);
  };
  EXPECT_EQ(opened.log->erase(stopping, stop.get_token()).error().code, Code::kCancelled);
  EXPECT_TRUE(any_file_holds(root, "george-the-forgotten"));
  const auto rest = opened.log->erase(kHideGeorge, {});
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->blocks, 0u) << "nothing is to be rewritten any more";
  EXPECT_FALSE(any_file_holds(root, "george-the-forgotten"));
  std::filesystem::remove_all(root);
}

TEST(RocksLog, TheOldestBlocksGoAndOffsetsStay) {
  const Path root = make_root();
  {
    const Opened opened = open_log(root / "db").value();
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(opened.log->append({{block_of(fmt::format("user-number-{}", i), 10)}}));
    }
    const auto trimmed = opened.log->trim(
        Stream::kEvents,
        [](const EventLog::Block& block, uint64_t) { return block.first.offset < 20; }, {});
    ASSERT_TRUE(trimmed) << trimmed.error().message;
    EXPECT_EQ(trimmed->blocks, 2u);
    EXPECT_FALSE(any_file_holds(root, "user-number-0"));
    EXPECT_TRUE(any_file_holds(root, "user-number-2"));
  }
  const Opened opened = open_log(root / "db").value();
  EXPECT_EQ(opened.log->begins()->front(), (Position{Stream::kEvents, 0, 20}));
  EXPECT_EQ(opened.log->ends()->front(), (Position{Stream::kEvents, 0, 50}));
  uint64_t first = 0;
  ASSERT_TRUE(opened.log->read({}, [&](const EventLog::Block& block) -> Status {
    if (first == 0) first = block.first.offset;
    return {};
  }));
  EXPECT_EQ(first, 20u) << "reading from before the beginning begins there";
  const auto all =
      opened.log->trim(Stream::kEvents, [](const auto&, uint64_t) { return true; }, {});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->blocks, 2u) << "the newest stays: it holds the place where the log goes on";
  EXPECT_EQ(opened.log->append({{block_of("bob", 1)}})->front().offset, 50u);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace palate
