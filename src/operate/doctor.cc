#include "operate/doctor.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <csignal>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/machine.h"
#include "base/version.h"
#include "events/parquet_source.h"
#include "operate/doctor_report.h"
#include "registry/registry.h"
#include "store/database.h"

namespace palate {
namespace {

// The process that holds the data directory, 0 when none does.
int writer_of(const Path& root) {
  const std::string text = read_file(root / "LOCK", 64).value_or("");
  int pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM) ? pid : 0;
}

// 0 when the address can be listened on, else errno.
int listening_error(const DoctorServing& serve) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(serve.port));
  if (::inet_pton(AF_INET, serve.host.c_str(), &address.sin_addr) != 1) return EADDRNOTAVAIL;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int reuse = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  const bool free = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = free ? 0 : errno;
  ::close(fd);
  return error;
}

void examine_port(const DoctorJob& job, DoctorReport& report) {
  const std::string where = fmt::format("{}:{}", job.serve.host, job.serve.port);
  const int error = listening_error(job.serve);
  const int writer = writer_of(job.data / job.tenant.name);
  if (error == 0) {
    report.good("port", where + " is free");
  } else if (error == EADDRINUSE && writer != 0) {
    report.good("port", fmt::format("{} is in use; process {} serves this data", where, writer));
  } else if (error == EADDRINUSE) {
    report.warn("port", where + " is in use by another program",
                "end it, or choose another: --port (serve.port), 0 takes a free one");
  } else if (error == EACCES) {
    report.bad("port", where + " may not be used by this user",
               "ports below 1024 need privileges: use 8080 and a proxy in front");
  } else {
    report.bad("port", fmt::format("{}: {}", where, std::system_category().message(error)),
               "serve.host must be an IPv4 address of this machine");
  }
}

void examine_exposure(const DoctorJob& job, DoctorReport& report) {
  if (job.serve.host.starts_with("127.")) {
    report.good("listening on", job.serve.host + ", this machine only");
  } else {
    report.warn("listening on", job.serve.host,
                "there is no authentication yet: let only a proxy or your services reach it");
  }
}

void examine_open_files(const DoctorJob& job, DoctorReport& report) {
  // A connection is one file; RocksDB and the mapped models take some hundred.
  constexpr uint64_t kOwnFiles = 512;
  const uint64_t limit = open_files_max();
  const uint64_t wanted = static_cast<uint64_t>(job.serve.connections_max) + kOwnFiles;
  const std::string found =
      limit > uint64_t{1} << 40 ? "unlimited" : fmt::format("{} at once", limit);
  if (limit < wanted) {
    report.warn("open files", found,
                fmt::format("{} connections need {}: `ulimit -n {}` (LimitNOFILE in systemd), or "
                            "lower serve.connections_max",
                            job.serve.connections_max, wanted, wanted));
  } else {
    report.good("open files", found);
  }
}

void examine_threads(const DoctorJob& job, DoctorReport& report) {
  const double processors = read_cpu(job.machine).processors;
  if (job.serve.threads > 2 * std::max(1.0, std::ceil(processors))) {
    report.warn("serve.threads",
                fmt::format("{} on {:g} processors", job.serve.threads, processors),
                "more threads than processors only switch: 0 takes one a processor");
  } else if (job.serve.threads == 0) {
    report.good("serve.threads", "one a processor");
  } else {
    report.good("serve.threads", fmt::format("{}", job.serve.threads));
  }
}

// Whether others can read the secret of the pseudonyms.
void examine_key(const Path& root, DoctorReport& report) {
  struct stat key{};
  if (::stat((root / "id.key").c_str(), &key) != 0) return;
  if ((key.st_mode & 077) != 0) {
    report.warn("id.key", fmt::format("mode {:o}", key.st_mode & 0777),
                fmt::format("others can read the secret of the pseudonyms: chmod 600 {}",
                            (root / "id.key").string()));
  } else {
    report.good("id.key", "readable by its owner only");
  }
}

void examine_models(const Path& root, DoctorReport& report) {
  const auto release = Registry(root).current();
  if (!release) {
    report.bad("release", "unreadable", release.error().message);
  } else if (!*release) {
    report.warn("release", "none", "nothing is trained yet: palate train");
  } else {
    std::string kinds;
    for (const auto& [kind, version] : (*release)->artefacts) {
      const auto artefact = Registry(root).open(kind, version);
      if (!artefact) {
        report.bad("release", fmt::format("{} names {} {}", (*release)->number, kind, version),
                   artefact.error().message);
        return;
      }
      kinds += fmt::format(", {} {}", kind, version);
    }
    report.good("release", fmt::format("{}{}", (*release)->number, kinds));
  }
}

void examine_database(const DoctorJob& job, const Path& root, DoctorReport& report) {
  const auto database = Database::open({.path = root / "db", .tenant = job.tenant});
  if (!database) {
    report.bad("log and state", std::string(code_info(database.error().code).name),
               database.error().message);
  } else {
    report.good("log and state", "can be opened");
  }
}

}  // namespace

std::string_view health_name(Health health) {
  switch (health) {
    case Health::kGood:
      return "good";
    case Health::kWarning:
      return "warning";
    case Health::kBad:
      return "bad";
  }
  return "bad";
}

Path nearest_existing(const Path& path) {
  std::error_code ignored;
  Path place = std::filesystem::absolute(path, ignored);
  while (!place.empty() && place != place.parent_path() &&
         !std::filesystem::exists(place, ignored)) {
    place = place.parent_path();
  }
  return place;
}

std::vector<Finding> examine_settings(const DoctorJob& job) {
  DoctorReport report("settings");
  report.good("file", job.settings_file.empty() ? "none: all defaults (palate init writes one)"
                                                : job.settings_file);
  examine_exposure(job, report);
  examine_port(job, report);
  examine_open_files(job, report);
  examine_threads(job, report);
  return report.findings();
}

std::vector<Finding> examine_parts() {
  DoctorReport report("parts");
  report.good("palate", std::string(version()));
  report.good("RocksDB", rocks_version());
  if (const auto ready = parquet_ready(); !ready) {
    report.warn("Parquet", "cannot be read", ready.error().message);
  } else {
    report.good("Parquet", "can be read");
  }
  return report.findings();
}

std::vector<Finding> examine_data(const DoctorJob& job) {
  DoctorReport report("data");
  const Path root = job.data / job.tenant.name;
  std::error_code ignored;
  if (!std::filesystem::exists(root / "FORMAT", ignored)) {
    report.good("directory",
                root.string() + " is not there yet: palate import or palate simulate makes it");
    const Path place = nearest_existing(root);
    if (::access(place.c_str(), W_OK | X_OK) != 0) {
      report.bad(
          "permission", place.string(),
          "this user may not write there: change the owner, or choose another place with --data");
    }
    return report.findings();
  }
  const int writer = writer_of(root);
  report.good("directory", writer == 0
                               ? fmt::format("{}, no process writes to it", root.string())
                               : fmt::format("{}, process {} writes to it", root.string(), writer));
  if (::access(root.c_str(), R_OK | W_OK | X_OK) != 0) {
    report.bad("permission", root.string(),
               "this user may not write there: run as the owner, or change the owner");
    return report.findings();
  }
  examine_key(root, report);
  examine_database(job, root, report);
  examine_models(root, report);
  return report.findings();
}

std::vector<Finding> examine(const DoctorJob& job) {
  std::vector<Finding> all;
  const auto add = [&](const std::vector<Finding>& some) {
    all.insert(all.end(), some.begin(), some.end());
  };
  add(examine_machine(job));
  add(examine_disk(job));
  add(examine_settings(job));
  add(examine_parts());
  add(examine_data(job));
  return all;
}

}  // namespace palate
