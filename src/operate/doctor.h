// What may keep this program from running well here: processor, memory, disk, limits, clock, the
// parts it was built with, settings that do not fit the machine, and the data directory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/ids.h"

namespace palate {

enum class Health : uint8_t {
  kGood,
  kWarning,  // it runs, but slower, smaller or less safely than it could
  kBad,      // it will fail, or lose what was acknowledged
};
std::string_view health_name(Health health);  // "good", "warning", "bad"

struct Finding {
  std::string area;  // machine, disk, limits, parts, settings, data
  std::string name;
  Health health = Health::kGood;
  std::string found;   // what is so, with units
  std::string advice;  // what to do; empty when good
};

// Of the server that is to run here.
struct DoctorServing {
  std::string host = "127.0.0.1";
  int port = 0;
  int threads = 0;  // 0: one a processor
  int connections_max = 0;
};

struct DoctorJob {
  Path data;  // the data directory; may not be there yet
  Tenant tenant;
  DoctorServing serve;
  std::string settings_file;  // empty: none was read
  bool measure_disk = true;   // writes 32 MiB beside the data and removes it
  Path machine = "/";         // where /proc and /sys lie, so that a test can show another machine
};

// Never fails: what cannot be found out is a finding. Takes no lock and changes nothing but the
// temporary file of the disk measurement.
std::vector<Finding> examine(const DoctorJob& job);

}  // namespace palate
