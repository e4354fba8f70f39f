// Where messages and rows that cannot be taken go: the quarantine of the tenant, with topic,
// partition and offset. Gathered until flush(), so that a topic full of them does not become as
// many files. One reader's; count() is thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "kafka/message.h"

namespace palate {

class RefusedMessages {
 public:
  explicit RefusedMessages(Path folder) : folder_(std::move(folder)) {}
  RefusedMessages(const RefusedMessages&) = delete;

  // The whole message.
  void add(const MessagePlace& place, Rejection why, std::string_view bytes);
  void add(const MessagePlace& place, std::vector<MessageRows::Refused> rows);
  // Writes what was gathered, durable on return: the place behind it is not, before this is. After
  // an error it is gathered still. What is refused beyond kQuarantineBytesMax in a run is only
  // counted; what was set aside, good events, is an error then (kOverloaded).
  Status flush();
  // For a reader that goes back and gathers the same once more.
  void drop();
  [[nodiscard]] uint64_t count() const { return count_; }

 private:
  struct Row {
    std::string file;
    uint64_t offset = 0;
    Rejection why;
    std::string bytes;
  };
  void gather(Row row);
  Status write(const std::vector<Row>& rows) const;

  const Path folder_;
  std::atomic<uint64_t> count_ = 0;
  std::vector<Row> rows_;
  uint64_t gathered_bytes_ = 0;  // of them
  uint64_t kept_bytes_ = 0;      // written since the start
  bool full_ = false;            // something that was set aside found no room
};

}  // namespace palate
