// Where messages and rows that cannot be taken go: the quarantine of the tenant, with topic,
// partition and offset. Gathered until flush(), so that a topic full of them does not become as
// many files. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.h"
#include "kafka/message.h"

namespace palate {

class RefusedMessages {
 public:
  explicit RefusedMessages(Path folder) : folder_(std::move(folder)) {}
  ~RefusedMessages() { flush(); }
  RefusedMessages(const RefusedMessages&) = delete;

  // The whole message.
  void add(const MessagePlace& place, Rejection why, std::string_view bytes);
  void add(const MessagePlace& place, std::vector<MessageRows::Refused> rows);
  // Writes what was gathered, durable on return: before the place behind it is.
  void flush();
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
  std::mutex mutex_;
  std::atomic<uint64_t> count_ = 0;
  std::vector<Row> rows_;  // these two guarded by mutex_
  uint64_t bytes_ = 0;     // that were kept since the start; at some point rows are only counted
};

}  // namespace palate
