// What the lake holds, and whether that is what its manifest says.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "events/event_types.h"
#include "events/log.h"
#include "ids/keyed_hash.h"
#include "lake/lake_directory.h"

namespace palate::lake {

struct LakeStatus {
  struct ZoneStatus {
    uint64_t files = 0, rows = 0, bytes = 0;
    Account account;
  };
  uint64_t manifest = 0;  // 0: there is no lake yet
  std::string created;
  std::array<ZoneStatus, kZoneNames.size()> zones;
  uint64_t days = 0;
  std::string first_day, last_day;  // of raw; empty: none
  AsOf as_of;
  uint64_t behind = 0;  // records that the log has and the lake has not read
  uint64_t skipped = 0;
  uint64_t retired = 0;     // files kept for readers of earlier manifests
  uint64_t tombstones = 0;  // users who wait to be forgotten
  uint64_t forgotten = 0;   // users who are
};
Result<LakeStatus> status_of(const LakeDirectory& lake, const EventLog& log);

struct LakeVerification {
  uint64_t manifest = 0;
  uint64_t files = 0, rows = 0, bytes = 0;  // read
  uint64_t log_events = 0;                  // read again and compared by day; 0: not comparable
  std::vector<std::string> findings;
  [[nodiscard]] bool whole() const { return findings.empty(); }
};
struct VerifySource {
  const LakeDirectory& lake;
  const EventLog& log;
  const EventTypes& types;
  const KeyedHash& hash;
};
// Reads every file: its checksum, its rows, what the manifest says of them; then the accounts, and,
// where nothing was removed yet, how many events of each day the log has, from where it still has
// them and without users who wait to be forgotten. Errors: kBusy when compactions replace the files
// faster than they are read; those of the log.
Result<LakeVerification> verify_lake(const VerifySource& source, ThreadPool& pool,
                                     std::stop_token stop);

}  // namespace palate::lake
