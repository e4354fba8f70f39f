// What a data directory holds, counted from the log itself.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "ingest/data_directory.h"

namespace palate {

struct Inventory {
  std::string directory;
  uint64_t events = 0, users = 0, items = 0, items_described = 0;
  std::map<std::string, uint64_t> events_by_type;
  std::optional<TimeUs> first, last;  // of events, by their own clock
  std::string sample_user;            // somebody with recent events, to try things out with
  struct Model {
    std::string kind, version, created;
    uint64_t bytes = 0;
    bool live = false;
    std::string damage;  // why it cannot be opened; empty: it can
  };
  std::vector<Model> models;
  uint64_t release = 0;  // 0: none
  uint64_t quarantine_files = 0;
  uint64_t bytes_on_disk = 0;
};

// Reads the whole log once. Errors: kCorrupt, kIo, kCancelled.
Result<Inventory> take_inventory(DataDirectory& data, const EventTypes& types,
                                 std::stop_token stop);

}  // namespace palate
