// Files: the only way our own code reads and writes them (RocksDB has its own). Every write passes
// one seam that a test can make fail (FileFaults). Paths are UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/faults.h"
#include "base/result.h"

namespace palate {

using Path = std::filesystem::path;

// Turns errno into an Error that names the path and what to do. ENOSPC and EDQUOT are kNoSpace,
// ENOENT kNotFound, EACCES, EPERM and EROFS kPermission, the rest kIo.
Error errno_error(int error, std::string_view doing, const Path& path);

// The whole file. Errors: kNotFound, kIo, kPermission, kInvalidArgument when longer than
// `bytes_max`.
Result<std::string> read_file(const Path& path, size_t bytes_max = size_t{1} << 30);

// A read-only mapping of a whole file, valid while the object lives. Movable.
class MappedFile {
 public:
  static Result<MappedFile> open(const Path& path);
  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;
  ~MappedFile();
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

// A file being written. Nothing is durable before sync(). Closes (without sync) on destruction.
class FileWriter {
 public:
  static Result<FileWriter> create(const Path& path, bool append = false);
  FileWriter(FileWriter&&) noexcept;
  FileWriter& operator=(FileWriter&&) noexcept;
  ~FileWriter();
  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text);
  Status sync();
  Status close();

 private:
  FileWriter(int fd, Path path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  Path path_;
};

// Writes `text` to a temporary name beside `path`, syncs, renames, syncs the directory: readers see
// all or nothing.
Status write_file_atomically(const Path& path, std::string_view text);

// A file that appears whole or not at all: written under a temporary name beside its final one,
// renamed by commit(). Without commit() the destructor removes it. Who has the file that was there
// before mapped keeps that one.
class PendingFile {
 public:
  static Result<PendingFile> create(const Path& final_path);
  PendingFile(PendingFile&&) noexcept;
  ~PendingFile();
  [[nodiscard]] const Path& path() const { return temporary_; }
  Status write(std::string_view bytes) { return writer_.write(bytes); }
  // Syncs, renames, syncs the directory. Errors: kIo, kNoSpace.
  Status commit();

 private:
  PendingFile(Path temporary, Path final_path, FileWriter writer)
      : temporary_(std::move(temporary)),
        final_(std::move(final_path)),
        writer_(std::move(writer)) {}
  Path temporary_, final_;
  FileWriter writer_;
};

// The directory and those above it, where they are missing.
Status make_directories(const Path& path);
// What was created, renamed or removed in the directory is durable on return.
Status sync_directory(const Path& path);
// The same for each of these files, whoever wrote it, and their directory: one by one while they
// are few, with everything else on the file system at once when they are many, which then is
// faster.
Status sync_files(const Path& directory, std::span<const Path> files);
// Replaces what is at `to`. Durable after sync_directory() of both folders.
Status rename_file(const Path& from, const Path& to);
// A file that is not there is removed already.
Status remove_file(const Path& path);

// An advisory lock on a directory itself, given back by destruction and by the end of the process.
class HeldDirectory {
 public:
  HeldDirectory() = default;
  // Errors: kConflict when somebody else holds it.
  static Result<HeldDirectory> hold(const Path& path);
  HeldDirectory(HeldDirectory&&) noexcept;
  HeldDirectory& operator=(HeldDirectory&&) noexcept;
  ~HeldDirectory();

 private:
  explicit HeldDirectory(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// True for the names under which write_file_atomically() and PendingDirectory work.
bool is_temporary_name(std::string_view name);
// Removes what killed processes left behind in `directory`: temporary files, and temporary
// directories that nobody holds. Whoever calls it holds the lock under which files are written
// there. Returns how many went away.
size_t remove_leftovers(const Path& directory);

// A directory that appears whole or not at all: made under a temporary name beside its final one,
// renamed by commit(). Without commit() the destructor removes it.
class PendingDirectory {
 public:
  static Result<PendingDirectory> create(const Path& final_path);
  PendingDirectory(PendingDirectory&&) noexcept;
  ~PendingDirectory();
  [[nodiscard]] const Path& path() const { return temporary_; }
  // Syncs every file and the directory, renames, syncs the parent. Errors: kAlreadyExists, kIo,
  // kNoSpace.
  Status commit();

 private:
  PendingDirectory(Path temporary, Path final_path)
      : temporary_(std::move(temporary)), final_(std::move(final_path)) {}
  Path temporary_, final_;
  HeldDirectory lock_;  // says that somebody is at work
};

// An advisory lock (flock) on a file, held while the object lives. A second holder gets kConflict,
// with the first one's process id in the message.
class FileLock {
 public:
  static Result<FileLock> acquire(const Path& path);
  FileLock(FileLock&&) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace palate
