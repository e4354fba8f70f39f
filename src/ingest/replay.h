// Trying again what was refused, after the schema, the config or the program has changed.
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "events/event_types.h"
#include "ingest/data_directory.h"

namespace palate {

struct QuarantineReplay {
  const EventTypes* types = nullptr;
  std::string reason;  // only rows that were refused for it; empty: all
  std::stop_token stop = {};
};

struct ReplaySummary {
  uint64_t tried = 0, accepted = 0, duplicates = 0;
  std::map<std::string, uint64_t> rejected;  // again; in `quarantine`
  uint64_t kept = 0;  // not tried: of another reason, cut, or nobody knows how to read them
  Path quarantine;    // the file with those that were refused again; empty when there are none
};

// Reads the rows of a quarantine file as they were read the first time, and logs those that fit
// now. What was tried leaves the file, which goes when nothing is left in it. A crash in between
// leaves it as it was: trying again adds nothing twice. `directory` is open as the writer. Errors:
// those of import and of reading.
Result<ReplaySummary> replay_quarantine(const Path& file, const QuarantineReplay& options,
                                        DataDirectory& directory);

}  // namespace palate
