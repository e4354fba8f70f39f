// Where messages and rows that cannot be taken go: the quarantine of the tenant, with topic,
// partition and offset. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/file.h"
#include "kafka/message.h"

namespace palate {

class RefusedMessages {
 public:
  explicit RefusedMessages(Path folder) : folder_(std::move(folder)) {}
  // The whole message.
  void add(const MessagePlace& place, const Rejection& why, std::string_view bytes);
  void add(const MessagePlace& place, const std::vector<MessageRows::Refused>& rows);
  [[nodiscard]] uint64_t count() const { return count_; }

 private:
  struct Row {
    Reason reason;
    std::string_view sentence, bytes;
  };
  void write(const MessagePlace& place, const std::vector<Row>& rows);

  const Path folder_;
  std::mutex mutex_;
  std::atomic<uint64_t> count_ = 0;
  uint64_t bytes_ = 0;  // that were kept; guarded by mutex_
};

}  // namespace palate
