// The one writer: takes what was validated, drops duplicates, gives unknown items their index, logs
// durably in groups, folds into live state, and only then acknowledges. What is acknowledged is in
// the very next answer.
//
// Room `ingest` is not in the first design: the log lies below `features`, and `features` does not
// write the log, so the pair needed a home of its own (docs/decisions/0001-ingest-room.md).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "events/decision.h"
#include "events/event.h"
#include "events/event_types.h"
#include "events/log.h"
#include "events/rocks_log.h"
#include "features/live_state.h"
#include "ingest/forget.h"
#include "ingest/intake.h"
#include "ingest/prepared_events.h"

namespace palate {

struct IngestOptions {
  size_t queue_events_max = 200'000;  // more waiting than this: kOverloaded
  size_t dedup_events =
      10'000'000;  // identities remembered at least (at most twice as many are kept)
};

// External ids of users who ask to be forgotten.
struct ForgetUsers {
  std::vector<std::string> users;
};

// What another stream hands over, with the place that it has reached there. The place is stored in
// the same step as the records, so that each of them is logged exactly once whatever crashes.
struct Followed {
  // Records [from, to) of `source`. `from` is where the one before ended; another is refused with
  // kConflict, so that nothing is left out or taken twice after a failure.
  struct Mark {
    std::string source;  // "events/3" of the topics, say
    uint64_t from = 0, to = 0;
    // Grows when the source is read again after a failure: what was submitted behind one that could
    // not be logged is refused with it.
    uint64_t attempt = 0;
  };
  std::variant<PreparedEvents, std::vector<ItemRecord>, std::vector<UserRecord>, ForgetUsers> what;
  std::vector<Mark> marks;
};

class Ingest : public Intake {
 public:
  struct Parts {
    EventLog* log;
    LiveState* state;
    const EventTypes* types;
    IngestOptions options = {};
    RocksLog* marked = nullptr;        // the same log, for submit_followed(); it can store marks
    Forgetting* forgetting = nullptr;  // for submit_forget()
  };
  // Starts the writer thread, which first fills the deduplication window from the newest part of
  // the log; what is submitted meanwhile waits. `state` has caught up with `log`; from here on
  // nobody else writes to either.
  static Result<std::unique_ptr<Ingest>> start(Parts parts);
  // Commits what is queued, then stops.
  ~Ingest() override;

  // Queues a validated batch. `done` runs on the writer thread after the group's commit: keep it
  // short. An error of the log (kNoSpace, kIo) goes to everybody in the group, and nothing of the
  // group is logged; any other error is of folding: the batch is logged, sending it again is safe.
  // Errors at once, without `done`: kOverloaded; kInvalidArgument for an event without a type.
  // Thread-safe.
  Status submit_events(EventBatch batch, Done done) override;
  Status submit_items(std::vector<ItemRecord> items, Done done) override;
  Status submit_users(std::vector<UserRecord> users, Done done) override;
  Status submit_forget(std::vector<std::string> users, Done done) override;
  // What was answered: logged, not folded.
  Status submit_decisions(std::vector<DecisionRecord> decisions, Done done);

  // For many rows at a time (imports): what prepare_events() (ingest/prepared_events.h) has made
  // on any thread. Waits while the queue is full instead of kOverloaded.
  Status submit_prepared(PreparedEvents events, Done done);
  // A number for PreparedEvents::source. While the log holds events of no other
  // source, those that carry it are logged without being looked up: they need
  // no identities.
  uint64_t new_source();

  // For followers of another stream (kafka/kafka_follower.h). Waits while the queue is full.
  Status submit_followed(Followed followed, Done done);
  // Up to where each source was followed, durable. Thread-safe.
  [[nodiscard]] std::map<std::string, uint64_t> marks() const;

  // From here on groups are acknowledged once they are durable, without being folded: an import
  // folds everything at once at its end, which is many times faster. Nothing is lost by a crash:
  // the next catch_up() folds it.
  void defer_fold();
  // Folds what was deferred, and from then on at each group again. Waits for what was queued
  // before. Errors: kCancelled, and those of log and store.
  Status fold_deferred(std::stop_token stop);

  [[nodiscard]] size_t queued_events() const override;
  [[nodiscard]] std::string trouble() const override;
  [[nodiscard]] AsOf folded() const override;

 private:
  struct State;
  explicit Ingest(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
