// Compaction: what the log has got since the last one, into the lake (docs/lake.md). Runs of events
// are sorted in memory and merged into the files of their days; each run is a manifest of its own,
// so that a crash loses one run's work and no reader ever sees half of one.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "base/threads.h"
#include "events/event_types.h"
#include "events/log.h"
#include "ids/keyed_hash.h"
#include "lake/lake_config.h"
#include "lake/lake_directory.h"

namespace palate::lake {

struct CompactionSource {
  const EventLog* log;
  const EventTypes* types;
  const KeyedHash* hash;
  Tenant tenant;
  // The schema that holds now ("event/2"); each file keeps the one that held when its rows were
  // taken in. Empty: those of events/schema.h.
  std::function<std::string(Stream)> schema_now = {};
  // Of a log that belongs to another process: looks again at what it hides. Called when the lake's
  // directory is there, from which moment on whoever is forgotten has a tombstone.
  std::function<Status()> look_again = {};
};
CompactionSource source_of(const EventLog& log, const EventTypes& types, const KeyedHash& hash,
                           const Tenant& tenant);

struct CompactionReport {
  uint64_t manifest = 0;                      // the current one afterwards
  uint64_t manifests = 0;                     // that were made
  uint64_t events = 0, items = 0, users = 0;  // read from the log
  uint64_t duplicates = 0;                    // events that the clean zone had already
  uint64_t expired = 0;                       // rows, raw and clean
  uint64_t forgotten = 0;                     // rows, all zones
  uint64_t files_written = 0, bytes_written = 0, files_replaced = 0;
  double seconds = 0;
};

// Users who are forgotten by one manifest, which names them all; more take several.
inline constexpr size_t kTombstonesAtOnce = 100'000;

// What it works with. References must live as long as the call.
struct CompactionRoom {
  const LakeDirectory& lake;
  const LakeConfig& config;
  ThreadPool& pool;
  std::stop_token stop = {};
  size_t tombstones_at_once = kTombstonesAtOnce;
};

// Errors: kConflict when somebody else compacts or the lake belongs to another log, key or setting;
// kUnavailable without the Parquet module; kNoSpace, kNoMemory, kIo, kPermission; kCancelled. The
// lake is then as its last manifest says.
Result<CompactionReport> compact(const CompactionSource& source, const CompactionRoom& room);

}  // namespace palate::lake
