#include "store/rocks_error.h"

#include <string>

namespace palate {
namespace {

// RocksDB reports many operating system errors as plain text behind kIOError.
bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Code code_of(const rocksdb::Status& status, const std::string& text) {
  if (status.IsNoSpace() || says(text, "No space left") || says(text, "Disk quota exceeded")) {
    return Code::kNoSpace;
  }
  if (says(text, "lock hold by") || says(text, "While lock file")) return Code::kConflict;
  if (says(text, "Permission denied") || says(text, "Read-only file system")) {
    return Code::kPermission;
  }
  if (status.IsCorruption()) return Code::kCorrupt;
  if (status.IsPathNotFound() || says(text, "No such file or directory")) return Code::kNotFound;
  if (status.IsBusy() || status.IsTryAgain()) return Code::kBusy;
  if (status.IsIOError()) return Code::kIo;
  return Code::kInternal;
}

std::string_view advice(Code code) {
  switch (code) {
    case Code::kNoSpace:
      return "free some space or move the data directory; nothing stored is harmed";
    case Code::kConflict:
      return "another process writes here: stop it, or send the data to its server";
    case Code::kPermission:
      return "give this user read and write access";
    case Code::kCorrupt:
      return "restore the directory from a copy; what is stored was not changed";
    case Code::kNotFound:
      return "check the path of the data directory";
    case Code::kBusy:
      return "try again";
    case Code::kIo:
      return "check the disk and the system's log";
    default:
      return "please report this";
  }
}

}  // namespace

Error rocks_error(const rocksdb::Status& status, std::string_view doing, const Path& path) {
  const std::string text = status.ToString();
  const Code code = code_of(status, text);
  std::string todo(advice(code));
  // RocksDB writes no more after these, not even when the cause is gone; reading goes on.
  if (status.severity() >= rocksdb::Status::Severity::kFatalError) {
    todo += "; then restart: until then nothing can be written";
  }
  return {code, fmt::format("{}: cannot {} ({}); {}", path.string(), doing, text, todo)};
}

}  // namespace palate
