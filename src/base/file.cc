#include "base/file.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "base/hash.h"

namespace palate {
namespace {

std::string_view advice(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "; free some space and try again";
    case EACCES:
    case EPERM:
      return "; check owner and mode";
    case EROFS:
      return "; the file system is read-only";
    case EMFILE:
    case ENFILE:
      return "; raise the limit of open files (ulimit -n)";
    default:
      return "";
  }
}

// A name beside `path` that no other process or thread uses.
Path temporary_beside(const Path& path) {
  static std::atomic<uint64_t> counter{0};
  const std::string name =
      fmt::format(".{}.tmp-{}-{}", path.filename().string(), ::getpid(), counter++);
  return path.parent_path() / name;
}

}  // namespace

Error errno_error(int error, std::string_view doing, const Path& path) {
  Code code = Code::kIo;
  if (error == ENOSPC || error == EDQUOT) code = Code::kNoSpace;
  if (error == ENOENT || error == ENOTDIR) code = Code::kNotFound;
  if (error == EACCES || error == EPERM || error == EROFS) code = Code::kPermission;
  return {code, fmt::format("cannot {} {}: {}{}", doing, path.string(), std::strerror(error),
                            advice(error))};
}

Status sync_directory(const Path& path) {
  const Path directory = path.empty() ? Path(".") : path;
  if (const int error = file_fault("sync", directory))
    return std::unexpected(errno_error(error, "sync", directory));
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(errno_error(errno, "open", directory));
  const int rc = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  if (rc != 0) return std::unexpected(errno_error(error, "sync", directory));
  return {};
}

Status sync_files(const Path& directory, std::span<const Path> files) {
  constexpr size_t kFew = 16;
  if (files.size() > kFew) {
    if (const int error = file_fault("sync", directory))
      return std::unexpected(errno_error(error, "sync", directory));
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return std::unexpected(errno_error(errno, "open", directory));
    const int error = ::syncfs(fd) == 0 ? 0 : errno;
    ::close(fd);
    if (error != 0) return std::unexpected(errno_error(error, "sync", directory));
    return {};
  }
  for (const Path& file : files) {
    auto writer = TRY(FileWriter::create(file, /*append=*/true));
    TRY(writer.sync());
    TRY(writer.close());
  }
  return sync_directory(directory);
}

Status rename_file(const Path& from, const Path& to) {
  if (const int error = file_fault("rename", to))
    return std::unexpected(errno_error(error, "rename to", to));
  if (::rename(from.c_str(), to.c_str()) != 0)
    return std::unexpected(errno_error(errno, "rename to", to));
  return {};
}

Status remove_file(const Path& path) {
  if (const int error = file_fault("remove", path))
    return std::unexpected(errno_error(error, "remove", path));
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return std::unexpected(errno_error(errno, "remove", path));
  return {};
}

Result<std::string> read_file(const Path& path, size_t bytes_max) {
  if (const int error = file_fault("read", path))
    return std::unexpected(errno_error(error, "read", path));
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(errno_error(errno, "open", path));
  std::string text;
  ssize_t got = 0;
  do {
    const size_t old = text.size();
    text.resize(old + 64 * 1024);
    got = ::read(fd, text.data() + old, text.size() - old);
    text.resize(old + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  } while (got > 0 && text.size() <= bytes_max);
  const int error = errno;
  ::close(fd);
  if (got < 0) return std::unexpected(errno_error(error, "read", path));
  if (text.size() > bytes_max) {
    return fail(Code::kInvalidArgument, "{} is longer than {} bytes", path.string(), bytes_max);
  }
  return text;
}

Result<MappedFile> MappedFile::open(const Path& path) {
  if (const int error = file_fault("map", path))
    return std::unexpected(errno_error(error, "map", path));
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(errno_error(errno, "open", path));
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return fail(Code::kInvalidArgument, "{} is not a regular file", path.string());
  }
  const size_t size = static_cast<size_t>(info.st_size);
  void* start = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int error = errno;
  ::close(fd);
  if (start == MAP_FAILED) return std::unexpected(errno_error(error, "map", path));
  return MappedFile({static_cast<const std::byte*>(start), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Result<FileWriter> FileWriter::create(const Path& path, bool append) {
  if (const int error = file_fault("create", path))
    return std::unexpected(errno_error(error, "create", path));
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC);
  const int fd = ::open(path.c_str(), flags, 0644);
  if (fd < 0) return std::unexpected(errno_error(errno, "create", path));
  return FileWriter(fd, path);
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

FileWriter& FileWriter::operator=(FileWriter&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

FileWriter::~FileWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Status FileWriter::write(std::span<const std::byte> bytes) {
  if (const int error = file_fault("write", path_))
    return std::unexpected(errno_error(error, "write", path_));
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(errno_error(errno, "write", path_));
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

Status FileWriter::write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

Status FileWriter::sync() {
  if (const int error = file_fault("sync", path_))
    return std::unexpected(errno_error(error, "sync", path_));
  if (::fsync(fd_) != 0) return std::unexpected(errno_error(errno, "sync", path_));
  return {};
}

Status FileWriter::close() {
  const int fd = std::exchange(fd_, -1);
  if (fd >= 0 && ::close(fd) != 0) return std::unexpected(errno_error(errno, "close", path_));
  return {};
}

Status write_file_atomically(const Path& path, std::string_view text) {
  const Path temporary = temporary_beside(path);
  const auto write_all = [&]() -> Status {
    auto file = TRY(FileWriter::create(temporary));
    TRY(file.write(text));
    TRY(file.sync());
    TRY(file.close());
    return rename_file(temporary, path);
  };
  if (auto written = write_all(); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_directory(path.parent_path());
}

Result<PendingFile> PendingFile::create(const Path& final_path) {
  Path temporary = temporary_beside(final_path);
  auto writer = TRY(FileWriter::create(temporary));
  return PendingFile(std::move(temporary), final_path, std::move(writer));
}

PendingFile::PendingFile(PendingFile&& other) noexcept
    : temporary_(std::exchange(other.temporary_, {})),
      final_(std::move(other.final_)),
      writer_(std::move(other.writer_)) {}

PendingFile::~PendingFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status PendingFile::commit() {
  TRY(writer_.sync());
  TRY(writer_.close());
  TRY(rename_file(temporary_, final_));
  temporary_.clear();
  return sync_directory(final_.parent_path());
}

Status make_directories(const Path& path) {
  std::error_code error;
  // "" is where a bare name lies.
  if (path.empty() || std::filesystem::is_directory(path, error)) return {};
  if (const int fault = file_fault("mkdir", path))
    return std::unexpected(errno_error(fault, "create", path));
  std::filesystem::create_directories(path, error);
  if (error) return std::unexpected(errno_error(error.value(), "create", path));
  return {};
}

Result<HeldDirectory> HeldDirectory::hold(const Path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(errno_error(errno, "open", path));
  HeldDirectory held(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return held;
  if (errno == EWOULDBLOCK) return fail(Code::kConflict, "{} is in use", path.string());
  return std::unexpected(errno_error(errno, "lock", path));
}

HeldDirectory::HeldDirectory(HeldDirectory&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

HeldDirectory& HeldDirectory::operator=(HeldDirectory&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

HeldDirectory::~HeldDirectory() {
  if (fd_ >= 0) ::close(fd_);
}

bool is_temporary_name(std::string_view name) {
  return name.starts_with('.') && name.find(".tmp-") != std::string_view::npos;
}

size_t remove_leftovers(const Path& directory) {
  constexpr size_t kEntriesMax = 100'000;
  std::vector<Path> found;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(directory, error);
       !error && entry != std::filesystem::directory_iterator() && found.size() < kEntriesMax;
       entry.increment(error)) {
    if (is_temporary_name(entry->path().filename().string())) found.push_back(entry->path());
  }
  size_t removed = 0;
  for (const Path& path : found) {
    std::optional<HeldDirectory> held;
    if (std::filesystem::is_directory(path, error)) {
      auto got = HeldDirectory::hold(path);
      if (!got) continue;  // somebody is at work in it
      held = std::move(*got);
    }
    std::filesystem::remove_all(path, error);
    if (!error) ++removed;
  }
  return removed;
}

Result<PendingDirectory> PendingDirectory::create(const Path& final_path) {
  TRY(make_directories(final_path.parent_path()));
  Path temporary = temporary_beside(final_path);
  if (const int fault = file_fault("mkdir", temporary)) {
    return std::unexpected(errno_error(fault, "create", temporary));
  }
  if (::mkdir(temporary.c_str(), 0755) != 0)
    return std::unexpected(errno_error(errno, "create", temporary));
  PendingDirectory pending(std::move(temporary), final_path);
  pending.lock_ = TRY(HeldDirectory::hold(pending.temporary_));
  return pending;
}

PendingDirectory::PendingDirectory(PendingDirectory&& other) noexcept
    : temporary_(std::exchange(other.temporary_, {})),
      final_(std::move(other.final_)),
      lock_(std::move(other.lock_)) {}

PendingDirectory::~PendingDirectory() {
  std::error_code ignored;
  if (!temporary_.empty()) std::filesystem::remove_all(temporary_, ignored);
}

Status PendingDirectory::commit() {
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(temporary_, error)) {
    if (entry.is_directory()) {
      TRY(sync_directory(entry.path()));
      continue;
    }
    auto file = TRY(FileWriter::create(entry.path(), /*append=*/true));
    TRY(file.sync());
  }
  if (error) return std::unexpected(errno_error(error.value(), "read", temporary_));
  TRY(sync_directory(temporary_));
  if (std::filesystem::exists(final_, error)) {
    return fail(Code::kAlreadyExists, "{} exists already", final_.string());
  }
  TRY(rename_file(temporary_, final_));
  temporary_.clear();
  return sync_directory(final_.parent_path());
}

Result<FileLock> FileLock::acquire(const Path& path) {
  if (const int error = file_fault("create", path))
    return std::unexpected(errno_error(error, "create", path));
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return std::unexpected(errno_error(errno, "create", path));
  FileLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const ssize_t got = ::pread(fd, holder, sizeof holder - 1, 0);
    return fail(
        Code::kConflict,
        "{} is held by process {}; only one may write. Stop it, or go through the running server",
        path.string(), got > 0 ? holder : "unknown");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    return std::unexpected(errno_error(errno, "write", path));
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace palate
