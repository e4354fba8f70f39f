#include "store/database.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <stdlib.h>

#include "store/rocks_state.h"

namespace palate {
namespace {

using Mode = DatabaseOptions::Mode;

class DatabaseTest : public ::testing::Test {
 protected:
  DatabaseTest() {
    std::string name = (std::filesystem::temp_directory_path() / "palate-db-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~DatabaseTest() override { std::filesystem::remove_all(root_); }

  [[nodiscard]] Path path() const { return root_ / "db"; }
  Result<std::unique_ptr<Database>> open(Mode mode, const std::string& tenant = "default") {
    return Database::open({.path = path(), .tenant = {tenant}, .mode = mode});
  }
  [[nodiscard]] std::vector<Path> files(const std::string& extension) const {
    std::vector<Path> found;
    for (const auto& entry : std::filesystem::directory_iterator(path())) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    return found;
  }

  Path root_;
};

void flip_byte(const Path& path, size_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(file.get() ^ 0x20);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

TEST_F(DatabaseTest, FactsAreSortedAndSurvive) {
  {
    auto db = open(Mode::kWriter).value();
    ASSERT_TRUE(db->put_meta("source/b", "2"));
    ASSERT_TRUE(db->put_meta("source/a", "1"));
    ASSERT_TRUE(db->put_meta("sourcf", "3"));
  }
  auto db = open(Mode::kWriter).value();
  EXPECT_THAT(
      db->meta("source/").value(),
      ::testing::ElementsAre(::testing::Pair("source/a", "1"), ::testing::Pair("source/b", "2")));
}

TEST_F(DatabaseTest, SecondWriterIsAConflict) {
  auto first = open(Mode::kWriter);
  ASSERT_TRUE(first);
  const auto second = open(Mode::kWriter);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict) << second.error().message;
  EXPECT_THAT(second.error().message, ::testing::HasSubstr(path().string()));
}

TEST_F(DatabaseTest, AnotherTenantIsRefused) {
  open(Mode::kWriter, "shop").value().reset();
  const auto other = open(Mode::kWriter, "cinema");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kConflict);
  EXPECT_THAT(other.error().message, ::testing::HasSubstr("'shop'"));
}

TEST_F(DatabaseTest, NewerFormatIsRefused) {
  ASSERT_TRUE(open(Mode::kWriter).value()->put_meta("palate.format", "2"));
  EXPECT_EQ(open(Mode::kWriter).error().code, Code::kUnsupportedVersion);
}

TEST_F(DatabaseTest, ReaderWithoutADatabaseIsNotFound) {
  EXPECT_EQ(open(Mode::kReader).error().code, Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(DatabaseTest, ReaderFollowsTheWriterAcrossFlushes) {
  auto writer = open(Mode::kWriter).value();
  RocksState writing(*writer);
  ASSERT_TRUE(writing.write(std::vector<StateStore::Put>{{"k", "old"}}));
  auto reader = open(Mode::kReader).value();
  const RocksState reading(*reader);
  EXPECT_EQ(reading.get("k").value(), "old");
  // Across a flush, a compaction and a new write-ahead log.
  for (int i = 0; i < 3; ++i) {
    const std::string value = "new" + std::to_string(i);
    ASSERT_TRUE(writing.write(std::vector<StateStore::Put>{{"k", value}}));
    ASSERT_TRUE(writer->rocks().Flush({}, writer->column(Column::kState)).ok());
    ASSERT_TRUE(
        writer->rocks().CompactRange({}, writer->column(Column::kState), nullptr, nullptr).ok());
    ASSERT_TRUE(reader->catch_up());
    EXPECT_EQ(reading.get("k").value(), value);
  }
}

TEST_F(DatabaseTest, ReaderLeavesNothingBehind) {
  const Path temporary = root_ / "tmp";
  std::filesystem::create_directory(temporary);
  ASSERT_EQ(setenv("TMPDIR", temporary.c_str(), 1), 0);
  auto writer = open(Mode::kWriter).value();
  {
    auto reader = open(Mode::kReader);
    EXPECT_TRUE(reader);
    EXPECT_FALSE(std::filesystem::is_empty(temporary));
  }
  EXPECT_TRUE(std::filesystem::is_empty(temporary));
  unsetenv("TMPDIR");
}

TEST_F(DatabaseTest, EveryFlippedBitOfTheManifestsNameIsDamage) {
  ASSERT_TRUE(open(Mode::kWriter));
  const Path current = path() / "CURRENT";
  std::string right;
  std::getline(std::ifstream(current), right);
  right += '\n';
  for (size_t bit = 0; bit < right.size() * 8; ++bit) {
    std::string wrong = right;
    wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << (bit % 8)));
    std::ofstream(current) << wrong;
    for (const Mode mode : {Mode::kReader, Mode::kWriter}) {
      const auto opened = open(mode);
      ASSERT_FALSE(opened) << bit;
      EXPECT_EQ(opened.error().code, Code::kCorrupt) << bit << ": " << opened.error().message;
      EXPECT_THAT(opened.error().message, ::testing::HasSubstr(current.string()));
    }
  }
  std::ofstream(current) << right;
  EXPECT_TRUE(open(Mode::kWriter));
}

TEST_F(DatabaseTest, DamageInsideTheWriteAheadLogIsRefusedNotDropped) {
  {
    auto db = open(Mode::kWriter).value();
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(db->put_meta("fact" + std::to_string(i), std::string(200, 'x')));
    }
  }
  const std::vector<Path> logs = files(".log");
  ASSERT_EQ(logs.size(), 1U);
  flip_byte(logs[0], std::filesystem::file_size(logs[0]) / 2);
  const auto again = open(Mode::kWriter);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kCorrupt) << again.error().message;
}

TEST_F(DatabaseTest, TornEndOfTheWriteAheadLogIsDropped) {
  {
    auto db = open(Mode::kWriter).value();
    ASSERT_TRUE(db->put_meta("whole", "1"));
    ASSERT_TRUE(db->put_meta("torn", std::string(5000, 'x')));
  }
  const std::vector<Path> logs = files(".log");
  ASSERT_EQ(logs.size(), 1U);
  std::filesystem::resize_file(logs[0], std::filesystem::file_size(logs[0]) - 100);
  auto db = open(Mode::kWriter).value();
  EXPECT_EQ(db->meta("whole").value().size(), 1U);
  EXPECT_TRUE(db->meta("torn").value().empty());
}

TEST_F(DatabaseTest, DamageInATableIsFoundWhenRead) {
  {
    auto db = open(Mode::kWriter).value();
    RocksState state(*db);
    ASSERT_TRUE(state.write(std::vector<StateStore::Put>{{"k", std::string(4000, 'x')}}));
    ASSERT_TRUE(db->rocks().Flush({}, db->column(Column::kState)).ok());
  }
  const std::vector<Path> tables = files(".sst");
  ASSERT_FALSE(tables.empty());
  for (const Path& table : tables) flip_byte(table, 20);
  auto db = open(Mode::kWriter);
  if (!db) {
    EXPECT_EQ(db.error().code, Code::kCorrupt) << db.error().message;
    return;
  }
  const auto read = RocksState(**db).get("k");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kCorrupt) << read.error().message;
}

TEST_F(DatabaseTest, UnwritablePlaceSaysSo) {
  std::ofstream(root_ / "file") << "x";
  const auto db =
      Database::open({.path = root_ / "file" / "db", .tenant = {}, .mode = Mode::kWriter});
  ASSERT_FALSE(db);
  EXPECT_THAT(db.error().message, ::testing::HasSubstr("file/db"));
}

// A disk that is full from the n-th write on: the fact is there or the call failed; once there is
// space again, writing works in the same process, and after another opening all is as acknowledged.
TEST_F(DatabaseTest, WritingComesBackWhenTheSpaceDoes) {
  for (const int nth : {1, 4}) {
    std::filesystem::remove_all(path());
    std::vector<std::string> acknowledged;
    {
      auto db = open(Mode::kWriter).value();
      RocksState state(*db);
      int step = 0;
      set_file_faults_for_test([&](std::string_view operation, const Path&) {
        const bool writes = operation.ends_with("write") || operation.ends_with("sync");
        return writes && step++ >= nth ? ENOSPC : 0;
      });
      bool failed = false;
      for (int i = 0; i < 12; ++i) {
        const std::string key = fmt::format("fact/{:02}", i);
        const Status put = db->put_meta(key, "x");
        if (put) {
          acknowledged.push_back(key);
        } else {
          EXPECT_EQ(put.error().code, Code::kNoSpace) << put.error().message;
        }
        failed = failed || !put;
      }
      EXPECT_TRUE(failed) << nth;
      EXPECT_TRUE(db->meta("fact/")) << "reading goes on";
      set_file_faults_for_test(nullptr);
      // RocksDB looks for free space every five seconds.
      Status put = db->put_meta("fact/after", "x");
      for (int i = 0; !put && i < 300; ++i) {
        EXPECT_EQ(put.error().code, Code::kNoSpace) << put.error().message;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        put = db->put_meta("fact/after", "x");
      }
      ASSERT_TRUE(put) << put.error().message;
      acknowledged.emplace_back("fact/after");
      ASSERT_TRUE(state.write(std::vector<StateStore::Put>{{"k", "v"}}));
    }
    const auto db = open(Mode::kWriter).value();
    std::set<std::string> there;
    const auto facts = db->meta("fact/").value();
    for (const auto& [key, value] : facts) there.insert(key);
    for (const std::string& key : acknowledged) EXPECT_TRUE(there.contains(key)) << nth << key;
    EXPECT_EQ(RocksState(*db).get("k").value(), "v");
  }
}

TEST_F(DatabaseTest, ReadersThatDiedLeaveNothing) {
  ASSERT_TRUE(open(Mode::kWriter));
  const Path dead = std::filesystem::temp_directory_path() / "palate-reader-dead00";
  std::filesystem::create_directories(dead);
  std::filesystem::last_write_time(
      dead, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  const auto reader = open(Mode::kReader);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_FALSE(std::filesystem::exists(dead));
}

}  // namespace
}  // namespace palate
