// EventLog: the durable stream. A record is a block of events, items or users (events/block.h), not
// one of them; offsets name what is inside. They grow by one within a block; where the next block
// begins is the implementation's matter: right behind it in the embedded one (events/rocks_log.h),
// so that its offsets count records, and later in Kafka's (kafka/kafka_log.h).
// events/log_contract.h is the suite for all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace palate {

class EventLog {
 public:
  // A block on its way in: `bytes` as encode_block() made them, holding `count` records.
  struct Append {
    Stream stream = Stream::kEvents;
    uint32_t partition = 0;
    uint32_t count = 0;
    std::string bytes;
  };
  // A block on its way out. `bytes` is valid during the visit.
  struct Block {
    Position first;  // of its first record
    uint32_t count = 0;
    std::string_view bytes;
  };

  virtual ~EventLog() = default;

  // Appends all blocks, in order, or none; durable on return. Gives each block the next offsets of
  // its (stream, partition) and returns the first Position of each. One writer. Errors: kNoSpace,
  // kIo, kOverloaded; kUnavailable, after which some blocks may have been logged (kafka_log.h).
  virtual Result<std::vector<Position>> append(std::span<const Append> blocks) = 0;
  // Visits blocks from the one that contains `from` on, or from the oldest that is kept, in order,
  // until the end that was reached when the call began or until `visit` returns an error, which is
  // passed on. Checksums are
  // verified: kCorrupt names the position. Thread-safe.
  virtual Status read(Position from, const std::function<Status(const Block&)>& visit) const = 0;
  // The exclusive end of every (stream, partition) that has records: what "everything so far"
  // means. Thread-safe.
  [[nodiscard]] virtual Result<AsOf> ends() const = 0;
  // The oldest position that is kept, of every (stream, partition) whose beginning is gone by
  // retention. Thread-safe.
  [[nodiscard]] virtual Result<AsOf> begins() const { return AsOf{}; }
};

}  // namespace palate
