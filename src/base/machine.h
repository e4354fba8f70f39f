// What the machine offers this process: processors, memory, limits, and how fast a disk makes
// things durable. Control groups (v1 and v2) count: in a container the host's figures mislead.
// Linux.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace palate {

struct Cpu {
  std::string model;            // as /proc/cpuinfo names it; "unknown" where it does not
  std::set<std::string> flags;  // the kernel's names: avx2, avx512_vnni, asimd, …
  double processors = 1;        // that this process may use: affinity, and the quota of its group
};
// `root` stands for "/", so that a test can show another machine.
Cpu read_cpu(const Path& root = "/");

struct Memory {
  uint64_t total_bytes = 0;      // the machine's, or the limit of the group when that is lower
  uint64_t available_bytes = 0;  // without swapping, killing or reaching the limit
  std::string limited_by;        // "machine", "control group" or "address space"
};
// Errors: kUnavailable where the kernel does not say.
Result<Memory> read_memory(const Path& root = "/");

struct Disk {
  std::string file_system;  // ext4, tmpfs, nfs4, …
  uint64_t free_bytes = 0;  // for this user
  uint64_t total_bytes = 0;
  uint64_t free_files = 0;  // inodes; file systems without a limit say a large number
};
// The file system that holds `path`, which must exist. Errors: kNotFound, kIo.
Result<Disk> read_disk(const Path& path, const Path& root = "/");

struct DiskSpeed {
  double sync_ms_p50 = 0;  // append 4 KiB and fsync: what an acknowledgement waits for
  double sync_ms_max = 0;
  double write_mib_per_s = 0;  // sequential, synced at the end
};
// Writes up to 32 MiB into a temporary file under `directory` and removes it. Takes about a second
// on a spinning disk. Errors: those of FileWriter.
Result<DiskSpeed> measure_disk(const Path& directory);

uint64_t open_files_max();

}  // namespace palate
