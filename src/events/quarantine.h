// Where refused rows go: JSON lines in <tenant>/quarantine/<yyyymmdd-hhmmss>-<source>.jsonl, each
// {"source","file","line","reason","message","bytes"} (or "bytes_base64" when the row is not
// UTF-8). Before the first row of a file stands a line {"recipe"}: how its rows are to be read, so
// that they can be tried again (events/quarantine_files.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "events/limits.h"
#include "events/reader.h"

namespace palate {

struct QuarantineOptions {
  Path folder;  // <tenant>/quarantine, made when the first row comes
  std::string
      source;  // names the file; characters that are no letter, digit, '.' or '-' become '_'
  uint64_t bytes_max = kQuarantineBytesMax;  // then rows are only counted
};

// Not thread-safe. Nothing is created when nothing is refused.
class Quarantine {
 public:
  explicit Quarantine(QuarantineOptions options);

  // How the rows that come from now on were read.
  void read_as(RecordKind kind, const ColumnMapping& recipe);
  Status add(const Reject& reject);
  // add(), as readers want it. The quarantine must outlive the sink.
  RejectSink sink();
  // Makes what was written durable; call it once, at the end.
  Status finish();

  struct Count {
    Reason reason;
    uint64_t rows;
  };
  [[nodiscard]] std::vector<Count> counts() const;  // reasons that occurred, most frequent first
  [[nodiscard]] uint64_t total() const;
  // Of the file; nullopt when nothing was refused.
  [[nodiscard]] const std::optional<Path>& path() const { return path_; }

 private:
  Status open();
  QuarantineOptions options_;
  std::array<uint64_t, kReasonCount> counts_{};
  std::optional<FileWriter> writer_;
  std::optional<Path> path_;
  uint64_t bytes_ = 0;
  std::string recipe_;   // the line of the rows that come; empty: it is written
  std::string pending_;  // not written yet
};

// "20260102-030405-<source>": what comes now is filed under it.
std::string quarantine_name(std::string_view source);

std::string base64(std::string_view bytes);
// Errors: kCorrupt.
Result<std::string> from_base64(std::string_view text);

std::string_view name_of(RecordKind kind);  // "events", "items", "users"

}  // namespace palate
