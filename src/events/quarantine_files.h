// Reading back what was refused: the files that events/quarantine.h writes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "events/column_mapping.h"

namespace palate {

// How the rows that follow it were read.
struct QuarantineRecipe {
  RecordKind kind = RecordKind::kEvents;
  ColumnMapping mapping;
};

struct QuarantinedRow {
  std::string source, file;
  uint64_t line = 0;
  std::string reason;   // the code
  std::string message;  // in words
  std::string bytes;    // the original row
  bool cut = false;     // the row was longer than kRejectBytesMax: what is here is its beginning
  std::string json;     // the whole line of the file
};

// One or the other.
struct QuarantineLine {
  std::optional<QuarantineRecipe> recipe;
  QuarantinedRow row;
};

// One line of a file. Errors: kCorrupt.
Result<QuarantineLine> parse_quarantine_line(std::string_view text);

// An error of `visit` ends the reading and is passed on. Errors: kNotFound, kIo, kCorrupt with file
// and line.
Status read_quarantine(const Path& path, const std::function<Status(QuarantineLine)>& visit);

struct QuarantineSummary {
  std::string id;  // of the file's name, without .jsonl
  Path path;
  std::string source;
  uint64_t rows = 0, bytes = 0;
  std::map<std::string, uint64_t> reasons;
  bool can_be_replayed = true;  // files of before November 2026 do not say how they were read
  std::string damage;           // why it cannot be read; empty: nothing is wrong
};
// By id, which is by age; empty when there is no such folder. A damaged file is listed as such.
Result<std::vector<QuarantineSummary>> list_quarantine(const Path& folder);

// Errors: kNotFound, kInvalidArgument for what cannot be an id.
Result<Path> find_quarantine(const Path& folder, const std::string& id);

}  // namespace palate
