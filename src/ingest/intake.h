// Where events, items and users go in: what the HTTP server and other sources write to. The
// embedded log's is Ingest (ingest/ingest.h); Kafka's is KafkaIntake (kafka/kafka_intake.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "events/event.h"

namespace palate {

struct IngestReceipt {
  uint64_t accepted = 0;
  uint64_t duplicates = 0;  // of those that are noticed before they are logged
  // Exclusive, one a (stream, partition): passing them as `after` makes a later request see
  // everything in this receipt.
  AsOf ends;
};

class Intake {
 public:
  virtual ~Intake() = default;

  // Queues a validated batch. `done` runs on a thread of the intake's once the batch is durable:
  // keep it short. An error that reaches `done` says whether sending again is needed; it is always
  // safe, because repeats are dropped. Errors at once, without `done`: kOverloaded when too much
  // waits already; kInvalidArgument for an event without a type. Thread-safe.
  using Done = std::function<void(Result<IngestReceipt>)>;
  virtual Status submit_events(EventBatch batch, Done done) = 0;
  virtual Status submit_items(std::vector<ItemRecord> items, Done done) = 0;
  virtual Status submit_users(std::vector<UserRecord> users, Done done) = 0;
  // External ids of users who ask to be forgotten (ingest/forget.h): `done` runs once nothing of
  // what came before is known of them.
  virtual Status submit_forget(std::vector<std::string> users, Done done) = 0;

  // The same, waiting for the commit.
  Result<IngestReceipt> write_events(EventBatch batch);
  Result<IngestReceipt> write_items(std::vector<ItemRecord> items);
  Result<IngestReceipt> write_users(std::vector<UserRecord> users);
  Result<IngestReceipt> write_forget(std::vector<std::string> users);

  [[nodiscard]] virtual size_t queued_events() const = 0;
  // Messages of a stream that is followed which are not folded here yet. Thread-safe.
  [[nodiscard]] virtual uint64_t behind() const { return 0; }
  // Why what came last could not be taken in (a full disk, say); empty when it was. Thread-safe.
  [[nodiscard]] virtual std::string trouble() const = 0;
  // Up to where what was taken in is folded into live state, in the positions that receipts have.
  // Thread-safe.
  [[nodiscard]] virtual AsOf folded() const = 0;
  // Whether `positions`, as receipts give them, are folded here, as far as they concern `user`
  // (empty: anybody). Thread-safe.
  [[nodiscard]] virtual bool reached(const AsOf& positions, std::string_view user) const;
};

// Whether all of `positions` are in what `folded` says; position 0 always is.
bool covers(const AsOf& folded, const AsOf& positions);

}  // namespace palate
