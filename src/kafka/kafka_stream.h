// A data directory that follows Kafka: what clients write goes to the topics, and what the topics
// hold, whoever wrote it, is logged and folded here exactly once. What `palate serve` and `palate
// consume` run where log.kind is kafka (docs/kafka.md).
#pragma once

#include <memory>

#include "ingest/data_directory.h"
#include "ingest/intake.h"
#include "kafka/kafka_config.h"

namespace palate {

class KafkaStream : public Intake {
 public:
  struct Parts {
    const KafkaConfig* config;
    Tenant tenant;
    const EventTypes* types;
    DataDirectory* data;  // open as the writer; nobody else writes to it
  };
  // Connects in the background and goes on trying while no broker answers: what is in the data
  // directory can be served meanwhile, writes are refused with kUnavailable. All of `parts`
  // outlives it.
  explicit KafkaStream(const Parts& parts);
  // Leaves the group after what is in flight is folded.
  ~KafkaStream() override;

  Status submit_events(EventBatch batch, Done done) override;
  Status submit_items(std::vector<ItemRecord> items, Done done) override;
  Status submit_users(std::vector<UserRecord> users, Done done) override;
  // On this replica: each is asked by itself (docs/privacy.md).
  Status submit_forget(std::vector<std::string> users, Done done) override;
  [[nodiscard]] size_t queued_events() const override;
  [[nodiscard]] uint64_t behind() const override { return progress().behind; }
  [[nodiscard]] std::string trouble() const override;
  [[nodiscard]] AsOf folded() const override;
  // Of events, the partition of `user` counts alone: other processes may have the others.
  [[nodiscard]] bool reached(const AsOf& positions, std::string_view user) const override;

  struct Progress {
    bool connected = false;
    size_t partitions = 0;    // of events that this process has now
    uint64_t behind = 0;      // messages of them that are not folded yet
    uint64_t events = 0;      // folded since the start, and
    uint64_t duplicates = 0;  // left out because they were there
    uint64_t refused = 0;     // put into quarantine
  };
  [[nodiscard]] Progress progress() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace palate
