// Reads the partitions of events that the consumer group gives to this process, and the item and
// user topics whole, into the ingest of the data directory: validated, repeats dropped, logged with
// the place reached, folded. For this room only; see kafka_stream.h.
#pragma once

#include <memory>
#include <string>

#include "ingest/data_directory.h"
#include "kafka/follow_tracker.h"
#include "kafka/kafka_log.h"
#include "kafka/refused_messages.h"

namespace palate {

struct FollowParts {
  const KafkaConfig* config;
  Tenant tenant;
  const EventTypes* types;
  DataDirectory* data;
  KafkaLog* log;
  RefusedMessages* refused;
};

// Where the place of a partition is remembered: "<topic>/<partition>".
std::string mark_of(const std::string& topic, uint32_t partition);

// Items and users. A thread of its own, so that events can wait for items.
class RecordsFollower {
 public:
  static Result<std::unique_ptr<RecordsFollower>> start(const FollowParts& parts);
  // What is in flight is finished.
  ~RecordsFollower();

  // Once everything that is in the item topic now is in the catalogue. Errors:
  // kUnavailable, kCancelled.
  Status read_items_to_end(const std::stop_token& stop);
  [[nodiscard]] const FollowTracker& tracker() const;

 private:
  struct State;
  explicit RecordsFollower(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class EventsFollower {
 public:
  static Result<std::unique_ptr<EventsFollower>> start(const FollowParts& parts,
                                                       RecordsFollower& records);
  // What is in flight is finished, then the group is left.
  ~EventsFollower();

  [[nodiscard]] const FollowTracker& tracker() const;
  // How many messages of its partitions are still to be read, as of the last fetches.
  [[nodiscard]] uint64_t behind() const;
  [[nodiscard]] size_t partitions() const;  // that it has now
  [[nodiscard]] bool follows(uint32_t partition) const;
  [[nodiscard]] std::string trouble() const;

 private:
  struct State;
  explicit EventsFollower(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
