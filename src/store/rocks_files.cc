#include "store/rocks_files.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include "base/faults.h"

namespace palate {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// As RocksDB itself reports the errors of the operating system.
IOStatus failed(int error, std::string_view operation, const std::string& path) {
  const std::string context = "While " + std::string(operation) + ": " + path;
  if (error != ENOSPC && error != EDQUOT) return IOStatus::IOError(context, std::strerror(error));
  IOStatus status = IOStatus::NoSpace(context, std::strerror(error));
  status.SetRetryable(true);
  return status;
}

IOStatus planted(std::string_view operation, const std::string& path) {
  const int error = file_fault(operation, path);
  return error == 0 ? IOStatus::OK() : failed(error, operation, path);
}

class File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::string path)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = planted(write_, path_);
    return status.ok() ? target()->Append(data, options, debug) : status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
    IOStatus status = planted(write_, path_);
    return status.ok() ? target()->Append(data, options, info, debug) : status;
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = planted(sync_, path_);
    return status.ok() ? target()->Sync(options, debug) : status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = planted(sync_, path_);
    return status.ok() ? target()->Fsync(options, debug) : status;
  }
  // Flushes write tables with high priority, compactions with low; logs have none.
  void SetIOPriority(rocksdb::Env::IOPriority priority) override {
    if (path_.ends_with(".sst") && priority == rocksdb::Env::IO_HIGH) {
      write_ = "flush-write";
      sync_ = "flush-sync";
    }
    if (path_.ends_with(".sst") && priority == rocksdb::Env::IO_LOW) {
      write_ = "compaction-write";
      sync_ = "compaction-sync";
    }
    target()->SetIOPriority(priority);
  }
  rocksdb::Env::IOPriority GetIOPriority() override { return target()->GetIOPriority(); }

 private:
  const std::string path_;
  std::string_view write_ = "write", sync_ = "sync";
};

class Directory : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory>&& directory, std::string path)
      : FSDirectoryWrapper(std::move(directory)), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = planted("sync", path_);
    return status.ok() ? FSDirectoryWrapper::Fsync(options, debug) : status;
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& why) override {
    IOStatus status = planted("sync", path_);
    return status.ok() ? FSDirectoryWrapper::FsyncWithDirOptions(options, debug, why) : status;
  }

 private:
  const std::string path_;
};

class Files : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "PalateFiles"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    IOStatus status = planted("create", path);
    if (status.ok()) status = target()->NewWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<File>(std::move(*file), path);
    return status;
  }
  IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* debug) override {
    IOStatus status = planted("create", path);
    if (status.ok()) status = target()->ReopenWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<File>(std::move(*file), path);
    return status;
  }
  IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext* debug) override {
    IOStatus status = planted("read", path);
    return status.ok() ? target()->NewRandomAccessFile(path, options, file, debug) : status;
  }
  IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                             IODebugContext* debug) override {
    IOStatus status = planted("read", path);
    return status.ok() ? target()->NewSequentialFile(path, options, file, debug) : status;
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        IODebugContext* debug) override {
    IOStatus status = target()->NewDirectory(path, options, directory, debug);
    if (status.ok()) *directory = std::make_unique<Directory>(std::move(*directory), path);
    return status;
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options,
                              IODebugContext* debug) override {
    IOStatus status = planted("mkdir", path);
    return status.ok() ? target()->CreateDirIfMissing(path, options, debug) : status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    IOStatus status = planted("rename", to);
    return status.ok() ? target()->RenameFile(from, to, options, debug) : status;
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* debug) override {
    IOStatus status = planted("link", to);
    return status.ok() ? target()->LinkFile(from, to, options, debug) : status;
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    IOStatus status = planted("remove", path);
    return status.ok() ? target()->DeleteFile(path, options, debug) : status;
  }
  IOStatus LockFile(const std::string& path, const IOOptions& options, rocksdb::FileLock** lock,
                    IODebugContext* debug) override {
    IOStatus status = planted("lock", path);
    return status.ok() ? target()->LockFile(path, options, lock, debug) : status;
  }
};

}  // namespace

rocksdb::Env* env_behind_faults() {
  static rocksdb::Env* const env =
      rocksdb::NewCompositeEnv(std::make_shared<Files>(rocksdb::FileSystem::Default())).release();
  return env;
}

}  // namespace palate
