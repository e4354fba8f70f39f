// EventLog in Kafka: a topic a stream, a message a block. docs/kafka.md says what that promises.
//
// The offset of a position is the message's offset times 65,536 and the record's place in its
// block, so that nothing needs to be indexed. It grows by one within a block, and jumps from block
// to block.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "events/log.h"
#include "kafka/kafka_config.h"

namespace palate {

inline constexpr unsigned kRecordBits = 16;
constexpr uint64_t first_of_message(uint64_t message) { return message << kRecordBits; }
constexpr uint64_t message_of(uint64_t offset) { return offset >> kRecordBits; }
// The partition of a user's events, of so many: the same in every writer (docs/kafka.md).
uint32_t partition_of(std::string_view user, uint32_t partitions);

class KafkaLog : public EventLog {
 public:
  // Makes topics that are not there where kafka.create_topics says so. Errors: kUnavailable while
  // no broker answers; kNotFound, kPermission, kInvalidArgument.
  static Result<std::unique_ptr<KafkaLog>> open(const KafkaConfig& config, const Tenant& tenant);
  // Waits for what is on its way, up to kafka.timeout_ms.
  ~KafkaLog() override;

  // Thread-safe, other than the contract asks. Blocks that are none are refused with all that came
  // with them; after any other error some may have been logged, and sending all again is right:
  // who folds drops what comes twice.
  Result<std::vector<Position>> append(std::span<const Append> blocks) override;
  // Waits up to kafka.timeout_ms for a broker that does not answer, then kUnavailable.
  Status read(Position from, const std::function<Status(const Block&)>& visit) const override;
  [[nodiscard]] Result<AsOf> ends() const override;

  // append() that does not wait: `done` runs on a thread of the log's. Errors at once, without
  // `done`: kInvalidArgument, kOverloaded when more than kafka.queue_mib is on its way.
  using Done = std::function<void(Result<std::vector<Position>>)>;
  Status append_later(std::span<const Append> blocks, Done done);

  // Of the events; items and users have one.
  [[nodiscard]] uint32_t partitions() const;
  // The cluster's own name for itself.
  [[nodiscard]] std::string cluster() const;

 private:
  struct State;
  explicit KafkaLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
