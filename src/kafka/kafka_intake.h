// What clients write, into Kafka: batches that wait together become one block a partition, users by
// their hash, and everybody is answered when the brokers have made it durable. Nothing is folded
// here: that is the follower's, which reads what all writers wrote (kafka_follower.h).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "events/event_types.h"
#include "features/catalogue.h"
#include "ingest/intake.h"
#include "kafka/kafka_config.h"
#include "kafka/kafka_log.h"

namespace palate {

class KafkaIntake {
 public:
  struct Parts {
    const KafkaConfig* config;
    const EventTypes* types;
    const Catalogue* items;  // that are known; others are written first
  };
  explicit KafkaIntake(Parts parts);
  // Answers everybody; what could not be written within kafka.timeout_ms, with an error.
  ~KafkaIntake();

  // From here on batches go to `log`, which outlives it; before, they are refused with `why`.
  void connect(KafkaLog& log);
  void refuse(std::string why);

  // As Intake's. Receipts have no duplicates: repeats are dropped by who folds.
  Status submit_events(EventBatch batch, Intake::Done done);
  Status submit_items(std::vector<ItemRecord> items, Intake::Done done);
  Status submit_users(std::vector<UserRecord> users, Intake::Done done);
  [[nodiscard]] size_t queued_events() const;
  [[nodiscard]] std::string trouble() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace palate
