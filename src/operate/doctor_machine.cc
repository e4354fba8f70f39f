// The machine's side of the doctor: processor, memory, clock, disk.
#include <algorithm>
#include <array>
#include <sys/timex.h>

#include "base/machine.h"
#include "base/time.h"
#include "operate/doctor_report.h"

namespace palate {
namespace {

constexpr double kGib = 1 << 30;

void examine_processor(const DoctorJob& job, DoctorReport& report) {
  const Cpu cpu = read_cpu(job.machine);
  if (cpu.processors < 1) {
    report.warn("processors", fmt::format("{:.2f} of {}", cpu.processors, cpu.model),
                "the control group gives less than one processor: answers will stall when its "
                "quota is used up; give it at least 1");
  } else {
    report.good("processors", fmt::format("{:g} of {}", cpu.processors, cpu.model));
  }
  // What the kernels of `math` choose from, best first.
  constexpr std::array<std::string_view, 6> kSets{"avx512_bf16", "avx512_vnni", "avx512f",
                                                  "avx2",        "asimddp",     "asimd"};
  std::string found;
  for (const auto set : kSets) {
    if (!cpu.flags.contains(std::string(set))) continue;
    if (!found.empty()) found += ' ';
    found += set;
  }
  if (found.empty()) {
    report.warn("instructions", "neither AVX2 nor NEON",
                "scoring and training will take about eight times as long; in a virtual machine, "
                "let it see the host's processor (for QEMU: -cpu host)");
  } else {
    report.good("instructions", found);
  }
}

void examine_memory(const DoctorJob& job, DoctorReport& report) {
  const auto memory = read_memory(job.machine);
  if (!memory) {
    report.warn("memory", "unknown", memory.error().message);
    return;
  }
  const std::string found = fmt::format("{:.1f} GiB available of {:.1f} GiB (limit: {})",
                                        double(memory->available_bytes) / kGib,
                                        double(memory->total_bytes) / kGib, memory->limited_by);
  // A server of a demo-sized catalogue takes 60 MiB, its training twice that.
  if (memory->available_bytes < uint64_t{256} << 20) {
    report.bad("memory", found,
               "even a small catalogue needs 256 MiB: free some, or raise the limit");
  } else if (memory->available_bytes < uint64_t{1} << 30) {
    report.warn("memory", found, "enough for a hundred thousand users; training more may not fit");
  } else {
    report.good("memory", found);
  }
}

void examine_clock(DoctorReport& report) {
  const TimeUs time = now();
  if (time.us < parse_rfc3339("2025-01-01T00:00:00Z").value_or(TimeUs{}).us) {
    report.bad("clock", format_rfc3339(time),
               "the clock is years behind: events without a time would be dated "
               "wrongly; set it (timedatectl set-time) and keep it set (NTP)");
    return;
  }
  timex state{};  // reading needs no privilege
  const bool synchronized = ::adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
  if (synchronized) {
    report.good("clock", format_rfc3339(time) + ", synchronized");
  } else {
    report.warn("clock", format_rfc3339(time) + ", not known to be synchronized",
                "run an NTP client (systemd-timesyncd, chrony) on the host: times of events "
                "decide decay and splits. In a container the host may do so unseen");
  }
}

void examine_file_system(const Disk& disk, DoctorReport& report) {
  const std::string& type = disk.file_system;
  constexpr std::array<std::string_view, 8> kRemote{"nfs", "nfs4", "cifs", "smb3",
                                                    "9p",  "ceph", "fuse", "fuse.sshfs"};
  if (type == "tmpfs" || type == "ramfs") {
    report.warn("file system", type,
                "it lives in memory: acknowledged events are gone after a reboot; "
                "point --data at a disk");
  } else if (std::ranges::find(kRemote, type) != kRemote.end()) {
    report.warn("file system", type,
                "locks and fsync of network file systems may promise more than they "
                "keep; use a local disk or a block volume");
  } else {
    report.good("file system", type);
  }
}

void examine_room(const Disk& disk, DoctorReport& report) {
  const std::string found =
      fmt::format("{:.1f} GiB free of {:.1f} GiB", double(disk.free_bytes) / kGib,
                  double(disk.total_bytes) / kGib);
  if (disk.free_bytes < uint64_t{256} << 20 || disk.free_files < 1000) {
    report.bad("room", disk.free_files < 1000 ? found + ", no files (inodes) left" : found,
               "writes will be refused soon: free some space, or move the data directory");
  } else if (disk.free_bytes < uint64_t{2} << 30) {
    report.warn("room", found,
                "about 20 bytes an event and a copy of every model that is kept: "
                "two gigabytes go quickly");
  } else {
    report.good("room", found);
  }
}

}  // namespace

std::vector<Finding> examine_machine(const DoctorJob& job) {
  DoctorReport report("machine");
  examine_processor(job, report);
  examine_memory(job, report);
  examine_clock(report);
  return report.findings();
}

std::vector<Finding> examine_disk(const DoctorJob& job) {
  DoctorReport report("disk");
  const Path place = nearest_existing(job.data);
  const auto disk = read_disk(place, job.machine);
  if (!disk) {
    report.bad("file system", place.string(), disk.error().message);
    return report.findings();
  }
  examine_file_system(*disk, report);
  examine_room(*disk, report);
  if (!job.measure_disk || disk->free_bytes < uint64_t{256} << 20) return report.findings();
  const auto speed = measure_disk(place);
  if (!speed) {
    report.bad("writing", place.string(), speed.error().message);
    return report.findings();
  }
  const std::string sync =
      fmt::format("{:.2g} ms, {:.2g} ms at worst", speed->sync_ms_p50, speed->sync_ms_max);
  if (speed->sync_ms_p50 > 20) {
    report.warn("fsync", sync,
                "every acknowledgement waits for one, shared by all who wait: send events in "
                "batches, or use a disk with a protected write cache");
  } else {
    report.good("fsync", sync);
  }
  if (speed->write_mib_per_s < 50) {
    report.warn("writing", fmt::format("{:.0f} MiB/s", speed->write_mib_per_s),
                "imports will wait for the disk");
  } else {
    report.good("writing", fmt::format("{:.0f} MiB/s", speed->write_mib_per_s));
  }
  return report.findings();
}

}  // namespace palate
