// The log as runs of rows: blocks are decoded side by side, and handed on in order, as many rows at
// once as memory allows. For the files of this room only.
#pragma once

#include <functional>
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
  size_t rows_max;  // of a run, about
};
// A run: rows of one zone (raw, items or users), and where it ends. `first` is later than asked
// for where the log no longer has what was before.
struct LogRun {
  Zone zone = Zone::kRaw;
  Table rows;
  Position first, end;
};
// Calls `take` for each run of (stream, partition) from `from` to `end`, exclusive.
Status read_runs(const LogRuns& runs, const Position& from, uint64_t end,
                 const std::function<Status(LogRun)>& take);

}  // namespace palate::lake
