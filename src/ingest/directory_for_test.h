// A data directory in a temporary folder that goes with the object, and rows to put into it.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ingest/data_directory.h"

namespace palate {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "palate-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const Path& path() const { return path_; }

 private:
  Path path_;
};

inline Result<std::unique_ptr<DataDirectory>> open_directory(const Path& data,
                                                             const EventTypes& types,
                                                             OpenMode mode = OpenMode::kWriter) {
  return DataDirectory::open({.data = data, .tenant = {}, .mode = mode}, types);
}

// `user` liked `item`, as event number `number` of its client.
inline EventBatch like(const EventTypes& types, const std::string& user, const std::string& item,
                       uint64_t number) {
  EventBatch batch;
  EventView row;
  row.event_id = batch.arena.copy("event-" + std::to_string(number));
  row.user = batch.arena.copy(user);
  row.item = batch.arena.copy(item);
  row.type = *types.find("like");
  row.ts.us = static_cast<int64_t>(1'700'000'000 + number) * kSecondUs;
  row.received = row.ts;
  batch.rows.push_back(row);
  return batch;
}

inline void append(EventBatch& to, const EventBatch& from) {
  to.rows.insert(to.rows.end(), from.rows.begin(), from.rows.end());
  to.arena.keep(std::make_shared<Arena>(from.arena));
}

}  // namespace palate
