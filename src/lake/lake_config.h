// The [lake] section, and how long the lake keeps events of a type ([lake.types.<name>]).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/config.h"

namespace palate {

struct LakeConfig {
  double every_s = 0;
  int64_t keep_days = 0;
  std::string region_key;
  int64_t dedup_days = 1;
  int64_t memory_mib = 256;
  int64_t target_mib = 128;
  double grace_s = 3600;
  std::map<std::string, int64_t> keep_days_of;  // by event type; 0: as long as the others

  static void fields(FieldVisitor<LakeConfig>& field);
  // Lets `schema` read [lake.types.<name>] keep_days into this object.
  void add_types_to(ConfigSchema& schema);
};

}  // namespace palate
