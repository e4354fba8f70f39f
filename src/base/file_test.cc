#include "base/file.h"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace palate {
namespace {

using ::testing::HasSubstr;

struct FileTest : ::testing::Test {
  Path root;
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "palate-file-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root = pattern;
  }
  void TearDown() override {
    set_file_faults_for_test(nullptr);
    std::filesystem::remove_all(root);
  }
  size_t entries() {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(root), {}));
  }
};

TEST_F(FileTest, WritesAtomicallyAndReadsBack) {
  ASSERT_TRUE(write_file_atomically(root / "a", "one"));
  ASSERT_TRUE(write_file_atomically(root / "a", "two"));
  EXPECT_EQ(*read_file(root / "a"), "two");
  EXPECT_EQ(entries(), 1u);
  auto mapped = MappedFile::open(root / "a");
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->text(), "two");
}

TEST_F(FileTest, AFailureAtAnyStepKeepsTheOldContent) {
  ASSERT_TRUE(write_file_atomically(root / "a", "old"));
  for (const std::string_view step : {"create", "write", "sync", "rename"}) {
    set_file_faults_for_test([&](std::string_view operation, const Path& path) {
      return operation == step && path != root ? ENOSPC : 0;
    });
    auto status = write_file_atomically(root / "a", "new");
    ASSERT_FALSE(status) << step;
    EXPECT_EQ(status.error().code, Code::kNoSpace);
    EXPECT_THAT(status.error().message, HasSubstr("free some space"));
    set_file_faults_for_test(nullptr);
    EXPECT_EQ(*read_file(root / "a"), "old") << step;
    EXPECT_EQ(entries(), 1u) << step << " left a temporary file";
  }
}

TEST_F(FileTest, APendingFileAppearsWholeOrNotAtAll) {
  ASSERT_TRUE(write_file_atomically(root / "a", "old"));
  const auto reader = MappedFile::open(root / "a");
  {
    auto dropped = PendingFile::create(root / "a");
    ASSERT_TRUE(dropped->write("half"));
  }
  EXPECT_EQ(entries(), 1u) << "without commit() nothing stays";
  auto pending = PendingFile::create(root / "a");
  ASSERT_TRUE(pending->write("new"));
  EXPECT_EQ(*read_file(root / "a"), "old");
  ASSERT_TRUE(pending->commit());
  EXPECT_EQ(*read_file(root / "a"), "new");
  EXPECT_EQ(reader->text(), "old");
}

TEST_F(FileTest, ADirectoryAppearsWholeOrNotAtAll) {
  {
    auto pending = PendingDirectory::create(root / "d");
    ASSERT_TRUE(pending);
    ASSERT_TRUE(write_file_atomically(pending->path() / "x", "1"));
    EXPECT_FALSE(std::filesystem::exists(root / "d"));
  }
  EXPECT_EQ(entries(), 0u) << "without commit() nothing stays";
  auto pending = PendingDirectory::create(root / "d");
  ASSERT_TRUE(write_file_atomically(pending->path() / "x", "1"));
  ASSERT_TRUE(pending->commit());
  EXPECT_EQ(*read_file(root / "d" / "x"), "1");
  auto second = PendingDirectory::create(root / "d");
  EXPECT_EQ(second->commit().error().code, Code::kAlreadyExists);
}

TEST_F(FileTest, ErrorsNameThePath) {
  EXPECT_EQ(read_file(root / "none").error().code, Code::kNotFound);
  EXPECT_THAT(read_file(root / "none").error().message, HasSubstr("none"));
  ASSERT_TRUE(write_file_atomically(root / "a", "12345"));
  EXPECT_EQ(read_file(root / "a", 4).error().code, Code::kInvalidArgument);
  EXPECT_FALSE(MappedFile::open(root));
}

TEST_F(FileTest, ASecondLockIsRefusedWithTheHoldersProcess) {
  auto first = FileLock::acquire(root / "LOCK");
  ASSERT_TRUE(first);
  auto second = FileLock::acquire(root / "LOCK");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(::getpid())));
  {
    const FileLock released = std::move(*first);
  }
  EXPECT_TRUE(FileLock::acquire(root / "LOCK"));
}

}  // namespace
}  // namespace palate
