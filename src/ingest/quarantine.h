// Where refused rows go: one file of JSON lines a run under <data>/<tenant>/quarantine, made with
// the first refused row. Bounded by kQuarantineBytesMax; what is beyond is only counted. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "events/reader.h"

namespace palate {

class Quarantine {
 public:
  // `name` becomes part of the file's name.
  Quarantine(Path directory, std::string name);
  Status add(const Reject& reject);
  // Writes what is buffered, durably.
  Status close();

  [[nodiscard]] const std::map<std::string, uint64_t>& counts() const { return counts_; }
  [[nodiscard]] const Path& path() const { return path_; }  // empty: nothing was refused

 private:
  Status open();
  Path directory_;
  std::string name_;
  Path path_;
  std::optional<FileWriter> file_;
  std::string buffer_;
  uint64_t bytes_ = 0;
  std::map<std::string, uint64_t> counts_;  // by code of the reason
};

}  // namespace palate
