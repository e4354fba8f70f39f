// The log as runs of rows: blocks are decoded side by side, and handed on in order, as many rows at
// once as memory allows: counted in bytes, since texts may be long. For the files of this room
// only.
#pragma once

#include <functional>
#include <span>
#include <stop_token>

#include "base/result.h"
#include "base/threads.h"
#include "lake/compaction.h"
#include "lake/log_rows.h"

namespace palate::lake {

struct LogRuns {
  const CompactionSource& source;
  ThreadPool& pool;
  std::stop_token stop;
  uint64_t bytes_max;  // of a run, about
};
// What a row takes while it is sorted, without its texts: its columns, its keys.
inline constexpr uint64_t kRowBytes = 256;
// A run: rows of one zone (raw, items or users), and where it ends. `first` is later than asked
// for where the log no longer has what was before.
struct LogRun {
  Zone zone = Zone::kRaw;
  Table rows;
  Position first, end;
  uint64_t erased = 0;  // records that the log no longer shows: of users who were forgotten
};
// Calls `take` for each run of (stream, partition) from `from` to `end`, exclusive.
Status read_runs(const LogRuns& runs, const Position& from, uint64_t end,
                 const std::function<Status(LogRun)>& take);

struct LogRange {
  Position from;
  uint64_t end = 0;  // exclusive
};
// The runs of all ranges, one behind the other: where the pool has several threads, the next run is
// read on others while `take` has one, so that two are in memory at any time. What the runs are
// does not depend on that.
Status read_runs_ahead(const LogRuns& runs, std::span<const LogRange> ranges,
                       const std::function<Status(LogRun)>& take);

}  // namespace palate::lake
