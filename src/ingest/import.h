// Whole files into the data directory: read, validated, refused rows to quarantine, logged through
// the ingest, folded at the end in one go.
//
// Rows with real time are logged in order of time (stable; over all files of one call), so that
// positions and clocks agree and a replay can walk the days. Until all is read, rows are kept as
// encoded blocks, 5 to 20 bytes each: up to ImportOptions::sort_bytes_max in memory, behind that in
// a file in the data directory. What is in order already is logged as it lies there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "base/time.h"
#include "events/column_mapping.h"
#include "events/event_types.h"
#include "events/reader.h"
#include "ingest/data_directory.h"
#include "ingest/intake.h"
#include "ingest/set_aside.h"

namespace palate {

struct ImportFile {
  Path path;
  ColumnMapping mapping = {};
};

struct ImportOptions {
  const EventTypes* types = nullptr;  // events only
  ReaderOptions reader = {};
  std::stop_token stop = {};
  size_t sort_bytes_max = size_t{512} << 20;  // in memory
  // Events: a file that these call unusual is set aside instead (ingest/screen.h); nullopt: none
  // is.
  std::optional<ScreenRules> screen = std::nullopt;
  // Where rows go instead of the directory's own log; nullptr: there. They are sent again until
  // they are taken, in order of time as ever, and whoever folds drops what is there already.
  Intake* intake = nullptr;
  // Of rows that come a second time (ingest/replay.h): the source is not remembered, and what is
  // refused again is said to come from where it came first.
  bool again = false;
  std::function<void(Reject&)> origin = {};
};

struct ImportSummary {
  uint64_t rows = 0;        // read, refused ones included
  uint64_t accepted = 0;    // new, logged
  uint64_t duplicates = 0;  // events that the log has; items and users that would change nothing
  std::map<std::string, uint64_t> rejected;  // by code of the reason
  uint64_t sources_known = 0;       // files that were imported before, whole, by the same mapping
  TimeKind time = TimeKind::kReal;  // the weakest of the files
  Path quarantine;                  // the file with the refused rows; empty when there are none
  std::vector<SetAside> set_aside;  // files of which nothing was logged
  double seconds = 0;               // of everything
  double read_seconds = 0;          // of them for reading, parsing and encoding
  double log_seconds = 0;           // until all of it was durable in the log
  double fold_seconds = 0;          // for folding what was logged into the state
  [[nodiscard]] uint64_t rejected_total() const;
  [[nodiscard]] double rows_per_s() const;
};

// `directory` is open as the writer. A file that was imported before adds nothing. Errors: those of
// reading and logging, kCancelled.
// What was logged before an error stays, and importing again adds only the rest.
Result<ImportSummary> import_events(std::span<const ImportFile> files, const ImportOptions& options,
                                    DataDirectory& directory);
Result<ImportSummary> import_items(std::span<const ImportFile> files, const ImportOptions& options,
                                   DataDirectory& directory);
Result<ImportSummary> import_users(std::span<const ImportFile> files, const ImportOptions& options,
                                   DataDirectory& directory);

// The weakest kind of time among the sources imported into a directory; kReal when there are none.
Result<TimeKind> weakest_time(const DataDirectory& directory);

}  // namespace palate
