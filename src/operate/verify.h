// Whether a data directory is whole: every block of the log and every artefact read again with its
// checksum, and the state held against a plain pass over the log, one event at a time, that shares
// nothing with serving but the fold of one event. Where the log has dropped its beginning the state
// cannot be compared; where users were forgotten, the popularity of items is at least that of the
// log.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "events/event_types.h"
#include "features/history.h"
#include "ingest/data_directory.h"

namespace palate {

struct VerifyOptions {
  HistoryLimits history = {};
  FeatureConfig features = {};
  uint64_t dedup_events = 10'000'000;  // an identity that comes again within so many is found
  std::stop_token stop = {};
};

struct Verification {
  std::string directory;
  uint64_t events = 0, items = 0, user_records = 0;  // in the log
  uint64_t erased = 0;                               // rows and records of forgotten users
  uint64_t dropped = 0;                              // events before the log's beginning
  uint64_t folded = 0;                               // events that are in the state already
  uint64_t repeated = 0;                             // events that were logged twice
  uint64_t users = 0, users_different = 0;           // states compared with the plain pass
  uint64_t popularity = 0, popularity_different = 0;
  uint64_t releases = 0, artefacts = 0;
  std::vector<std::string> findings;  // what is wrong, in words; empty: the directory is whole

  [[nodiscard]] bool whole() const { return findings.empty(); }
};

// `data` may be a reader beside a writer; it is compared as of its opening. Damage is a finding,
// not an error. Memory is bounded: a log with many users is passed over several times. Errors:
// kCancelled.
Result<Verification> verify(DataDirectory& data, const EventTypes& types,
                            const VerifyOptions& options);

}  // namespace palate
