// Puts events into the order of their ts; equal times keep the order in which they came. Rows are
// sorted in runs of a million and kept as encoded blocks (about 20 bytes a row), then merged. Input
// that is sorted already costs no sorting. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "events/block.h"
#include "events/event.h"
#include "events/event_types.h"

namespace palate {

std::unexpected<Error> too_much_to_sort(size_t bytes_max);

class TimeSorter {
 public:
  struct Options {
    size_t run_rows = 1 << 20;
    size_t bytes_max = size_t{4} << 30;  // of all runs
  };
  TimeSorter(const EventTypes& types, ThreadPool& pool, Options options);

  // Errors: kInvalidArgument when the runs would pass bytes_max.
  Status add(EventBatch batch);
  // Rows that are sorted and encoded already, and come before all that was not added yet.
  Status add_run(std::vector<EncodedBlock> run);
  // Gives all rows, ascending by ts, in batches of up to some ten thousand; then the sorter is
  // empty. An error of `take` ends the merge and is passed on.
  Status merge(const std::function<Status(EventBatch)>& take);

 private:
  using Run = std::vector<EncodedBlock>;
  class Cursor;
  Status end_run();
  const EventTypes& types_;
  ThreadPool& pool_;
  Options options_;
  std::vector<EventBatch> pending_;  // of the run that is being gathered
  size_t pending_rows_ = 0;
  std::vector<Run> runs_;
  size_t bytes_ = 0;
};

}  // namespace palate
