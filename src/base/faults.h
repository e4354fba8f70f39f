// The one seam at which a test makes the machine misbehave: files that cannot be written, a disk
// that is full, a kill between two writes, a clock that jumps, memory that is short. All our own
// files (base/file.h), RocksDB's (store/rocks_files.h), the clock (base/time.h) and the memory
// (base/memory.h) go through it. Without planted faults it costs one atomic load.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace palate {

// Called before each operation with its name and path; a non-zero return is the errno to fail with.
// Names: "create", "write", "sync", "rename", "link", "mkdir", "remove", "lock", "read", "map";
// for RocksDB's tables "flush-write", "flush-sync", "compaction-write", "compaction-sync".
// Thread-safe: calls come one at a time.
using FileFaults = std::function<int(std::string_view operation, const std::filesystem::path&)>;
// nullptr takes it away. Process-wide.
void set_file_faults_for_test(FileFaults faults);

// 0, or the errno that a test wants this operation to fail with. Asked by whoever touches files.
int file_fault(std::string_view operation, const std::filesystem::path& path);

// What PALATE_FAULTS says, for tests of the whole program: parts joined by commas.
//   error=ENOSPC   what fails: a name of errno, or `kill` (SIGKILL to ourselves right before the
//                  operation), or `none`
//   op=write       only operations whose name contains this; default: all but read and map
//   path=text      only paths that contain this
//   nth=3          the third matching operation fails; default the first
//   times=2        so many from there on; 0: all
//   while=FILE     only while FILE exists
//   trace=FILE     every matching operation adds a line to FILE
//   clock=FILE     the wall clock is off by the seconds that FILE holds, looked up at each reading
//   memory=BYTES   so much memory counts as available
struct FaultPlan {
  int error = 0;
  bool kills = false;
  std::string operation, path;
  uint64_t nth = 1, times = 1;
  std::string only_while, trace, clock;
  std::optional<uint64_t> memory_bytes;
};
// Errors: kInvalidArgument for a word that is none of these.
Result<FaultPlan> parse_fault_plan(std::string_view text);
// Reads PALATE_FAULTS and plants what it says, with a warning in the log. Called once by main().
Status plant_faults_from_environment();

}  // namespace palate
