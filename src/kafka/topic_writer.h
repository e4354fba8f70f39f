// Writes to the topics without following them: what `palate import` runs where log.kind is kafka.
// The data directory keeps what was refused and which files are in; who follows the topics folds
// what is written (docs/kafka.md).
#pragma once

#include <memory>

#include "ingest/data_directory.h"
#include "ingest/intake.h"
#include "kafka/kafka_config.h"

namespace palate {

class TopicWriter : public Intake {
 public:
  struct Parts {
    const KafkaConfig* config;
    Tenant tenant;
    const EventTypes* types;
    DataDirectory* data;  // open as the writer
  };
  // Errors: kUnavailable while no broker answers; kConflict for a directory of another cluster;
  // those of KafkaLog::open(). All of `parts` outlives it.
  static Result<std::unique_ptr<TopicWriter>> open(const Parts& parts);
  // Answers everybody.
  ~TopicWriter() override;

  Status submit_events(EventBatch batch, Done done) override;
  Status submit_items(std::vector<ItemRecord> items, Done done) override;
  Status submit_users(std::vector<UserRecord> users, Done done) override;
  // Refused: each replica is asked by itself.
  Status submit_forget(std::vector<std::string> users, Done done) override;
  [[nodiscard]] size_t queued_events() const override;
  [[nodiscard]] std::string trouble() const override;
  [[nodiscard]] AsOf folded() const override { return {}; }  // by others

 private:
  struct State;
  explicit TopicWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
