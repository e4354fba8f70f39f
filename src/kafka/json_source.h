// Takes a team's own topic, events as JSON, into an intake. Offsets are committed to its consumer
// group after the events are durable; what is read twice after a crash is dropped by identity
// (kafka/message.h).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "events/event_types.h"
#include "events/schema/contract.h"
#include "ingest/intake.h"
#include "kafka/kafka_config.h"
#include "kafka/refused_messages.h"

namespace palate {

class JsonSource {
 public:
  struct Parts {
    const KafkaConfig* config;  // source_topic, source_group
    const EventTypes* types;
    Intake* intake;
    RefusedMessages* refused;
    std::function<std::shared_ptr<const Contract>()> contract;  // of events, now
    double error_budget = 1;  // validation.error_budget: the topic is one source
  };
  // Errors: kInvalidArgument, kNotFound for a password.
  static Result<std::unique_ptr<JsonSource>> start(const Parts& parts);
  // What is in flight is made durable and committed, then the group is left.
  ~JsonSource();

  struct Progress {
    uint64_t messages = 0;  // taken in and committed
    uint64_t events = 0;
    uint64_t duplicates = 0;
  };
  [[nodiscard]] Progress progress() const;
  [[nodiscard]] std::string trouble() const;

 private:
  struct State;
  explicit JsonSource(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
