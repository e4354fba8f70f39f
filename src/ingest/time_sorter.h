// Puts events into the order of their ts; equal times keep the order in which they came. Rows are
// sorted in runs of a million and kept as encoded blocks (5 to 20 bytes a row), in memory up to a
// bound and behind it in a file, then merged. Input that is sorted already costs no sorting. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "base/threads.h"
#include "events/block.h"
#include "events/event.h"
#include "events/event_types.h"

namespace palate {

class TimeSorter {
 public:
  struct Options {
    size_t run_rows = 1 << 20;
    size_t bytes_max = size_t{512} << 20;  // of runs in memory; more go to the file
    Path spill;                            // a file that it may make, and removes
  };
  TimeSorter(const EventTypes& types, ThreadPool& pool, Options options);

  ~TimeSorter();
  TimeSorter(const TimeSorter&) = delete;
  TimeSorter& operator=(const TimeSorter&) = delete;

  // Errors: those of writing the file, as with add_run().
  Status add(EventBatch batch);
  // Rows that are sorted and encoded already, and come before all that was not added yet.
  Status add_run(std::vector<EncodedBlock> run);
  // Gives all rows, ascending by ts, in batches of up to some ten thousand; then the sorter is
  // empty. An error of `take` ends the merge and is passed on.
  Status merge(const std::function<Status(EventBatch)>& take);

  [[nodiscard]] uint64_t spilled_bytes() const { return spilled_bytes_; }

 private:
  // A block in memory, or (without bytes) in the file.
  struct Block {
    std::string bytes;
    uint64_t at = 0, size = 0;
  };
  using Run = std::vector<Block>;
  class Cursor;
  Status end_run();
  Status spill();
  const EventTypes& types_;
  ThreadPool& pool_;
  Options options_;
  std::vector<EventBatch> pending_;  // of the run that is being gathered
  size_t pending_rows_ = 0;
  std::vector<Run> runs_;
  size_t bytes_ = 0;  // of blocks in memory
  std::optional<FileWriter> file_;
  uint64_t spilled_bytes_ = 0;
};

}  // namespace palate
