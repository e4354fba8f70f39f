#include "base/machine.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <sstream>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <vector>

#include "base/threads.h"

namespace palate {
namespace {

constexpr size_t kProcFileBytesMax = size_t{4} << 20;
constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

std::string text_of(const Path& path) { return read_file(path, kProcFileBytesMax).value_or(""); }

// The number at the start of `text`; kNoLimit for "max" and where there is none.
uint64_t number(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  uint64_t value = kNoLimit;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// What follows `key` at the start of a line; empty when no line starts so.
std::string_view after(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    if (line.starts_with(key)) return line.substr(key.size());
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return {};
}

// The folders of this process's control group for `controller`, innermost first: a limit of any of
// them counts. Inside a container the group's path may not exist below the mount: then the mount.
std::vector<Path> group_folders(const Path& root, std::string_view controller) {
  std::istringstream lines(text_of(root / "proc/self/cgroup"));
  std::vector<Path> folders;
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified &&
        ("," + controllers + ",").find("," + std::string(controller) + ",") == std::string::npos) {
      continue;
    }
    const Path mount = root / "sys/fs/cgroup" / (unified ? "" : controller);
    Path group = Path(line.substr(second + 1)).relative_path();
    for (; !group.empty(); group = group.parent_path()) folders.push_back(mount / group);
    folders.push_back(mount);
  }
  return folders;
}

struct Room {
  uint64_t limit = kNoLimit;
  uint64_t left = kNoLimit;
};

Room group_memory(const Path& root) {
  Room room;
  for (const Path& folder : group_folders(root, "memory")) {
    const bool unified = !text_of(folder / "memory.max").empty();
    const uint64_t limit =
        number(text_of(folder / (unified ? "memory.max" : "memory.limit_in_bytes")));
    // Version 1 says "no limit" as a number near 2^63.
    if (limit >= uint64_t{1} << 60) continue;
    const uint64_t used =
        number(text_of(folder / (unified ? "memory.current" : "memory.usage_in_bytes")));
    // Pages of files that nobody uses go before anything is refused.
    const std::string stat = text_of(folder / "memory.stat");
    const auto cached = after(stat, unified ? "inactive_file " : "total_inactive_file ");
    const uint64_t reclaimable = cached.empty() ? 0 : number(cached);
    const uint64_t firm = used == kNoLimit ? 0 : used - std::min(used, reclaimable);
    room.limit = std::min(room.limit, limit);
    room.left = std::min(room.left, limit - std::min(limit, firm));
  }
  return room;
}

double group_processors(const Path& root) {
  double processors = std::numeric_limits<double>::infinity();
  const auto quota = [&](uint64_t micros, uint64_t period) {
    if (micros == kNoLimit || period == kNoLimit || period == 0) return;
    processors = std::min(processors, static_cast<double>(micros) / static_cast<double>(period));
  };
  for (const Path& folder : group_folders(root, "cpu")) {
    const std::string both = text_of(folder / "cpu.max");
    if (const size_t space = both.find(' '); space != std::string::npos) {
      quota(number(both), number(std::string_view(both).substr(space)));
    } else {
      quota(number(text_of(folder / "cpu.cfs_quota_us")),
            number(text_of(folder / "cpu.cfs_period_us")));
    }
  }
  return processors;
}

// Bytes of address space that RLIMIT_AS still leaves.
uint64_t address_space_left(const Path& root) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kNoLimit;
  const uint64_t pages = number(text_of(root / "proc/self/statm"));
  const uint64_t used =
      pages == kNoLimit ? 0 : pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return limit.rlim_cur - std::min<uint64_t>(limit.rlim_cur, used);
}

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Result<DiskSpeed> measure_into(const Path& file) {
  constexpr int kSyncs = 24;
  constexpr size_t kChunks = 32;
  DiskSpeed speed;
  FileWriter out = TRY(FileWriter::create(file));
  const std::string page(4096, 'p');
  std::vector<double> times_ms;
  for (int i = 0; i < kSyncs; ++i) {
    const auto start = Clock::now();
    TRY(out.write(page));
    TRY(out.sync());
    times_ms.push_back(ms_since(start));
    if (times_ms.back() > 250) break;  // slow enough to know
  }
  std::ranges::sort(times_ms);
  speed.sync_ms_p50 = times_ms[times_ms.size() / 2];
  speed.sync_ms_max = times_ms.back();
  const std::string chunk(size_t{1} << 20, 'p');
  const auto start = Clock::now();
  for (size_t i = 0; i < kChunks; ++i) TRY(out.write(chunk));
  TRY(out.sync());
  speed.write_mib_per_s = static_cast<double>(kChunks) / (ms_since(start) / 1e3);
  TRY(out.close());
  return speed;
}

}  // namespace

Cpu read_cpu(const Path& root) {
  Cpu cpu;
  const std::string info = text_of(root / "proc/cpuinfo");
  const auto value_of = [&](std::string_view key) {
    auto value = after(info, key);
    value.remove_prefix(std::min(value.size(), value.find(':') + 1));
    return std::string(value);
  };
  std::istringstream model(value_of("model name"));
  for (std::string word; model >> word;) cpu.model += (cpu.model.empty() ? "" : " ") + word;
  if (cpu.model.empty()) cpu.model = "unknown";
  for (const std::string_view key : {"flags", "Features"}) {  // x86, Arm
    std::istringstream flags(value_of(key));
    for (std::string flag; flags >> flag;) cpu.flags.insert(flag);
  }
  cpu.processors = std::min(static_cast<double>(available_processors()), group_processors(root));
  return cpu;
}

Result<Memory> read_memory(const Path& root) {
  const std::string info = text_of(root / "proc/meminfo");
  const uint64_t total = number(after(info, "MemTotal:"));
  const uint64_t available = number(after(info, "MemAvailable:"));
  if (total == kNoLimit || available == kNoLimit) {
    return fail(Code::kUnavailable, "{}: the kernel does not say how much memory is available",
                (root / "proc/meminfo").string());
  }
  Memory memory{
      .total_bytes = total * 1024, .available_bytes = available * 1024, .limited_by = "machine"};
  const auto lower = [&](uint64_t limit, uint64_t left, const char* by) {
    memory.total_bytes = std::min(memory.total_bytes, limit);
    if (left >= memory.available_bytes) return;
    memory.available_bytes = left;
    memory.limited_by = by;
  };
  const Room group = group_memory(root);
  lower(group.limit, group.left, "control group");
  lower(kNoLimit, address_space_left(root), "address space");
  return memory;
}

Result<Disk> read_disk(const Path& path, const Path& root) {
  struct statvfs found{};
  if (::statvfs(path.c_str(), &found) != 0) {
    return std::unexpected(errno_error(errno, "look at the file system of", path));
  }
  Disk disk{.file_system = "unknown",
            .free_bytes = uint64_t{found.f_bavail} * found.f_frsize,
            .total_bytes = uint64_t{found.f_blocks} * found.f_frsize,
            .free_files = found.f_files == 0 ? kNoLimit : found.f_favail};
  std::error_code ignored;
  const std::string place = std::filesystem::canonical(path, ignored).string() + "/";
  std::istringstream mounts(text_of(root / "proc/self/mounts"));
  size_t longest = 0;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, point, type;
    words >> device >> point >> type;
    if (!point.ends_with('/')) point += '/';
    // Later mounts hide earlier ones at the same place.
    if (!place.starts_with(point) || point.size() < longest) continue;
    longest = point.size();
    disk.file_system = type;
  }
  return disk;
}

Result<DiskSpeed> measure_disk(const Path& directory) {
  const Path file = directory / fmt::format(".palate-disk-{}", ::getpid());
  auto speed = measure_into(file);
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  return speed;
}

uint64_t open_files_max() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : kNoLimit;
}

}  // namespace palate
