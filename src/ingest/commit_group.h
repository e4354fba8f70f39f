// One group of submissions on its way into the log: gathers, drops duplicates, registers unknown
// items, appends everything at once, folds, and answers everybody. Used by the one writer thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "events/log.h"
#include "features/live_state.h"
#include "ingest/identity_window.h"
#include "ingest/ingest.h"
#include "ingest/prepared_events.h"

namespace palate {

struct Submission {
  std::variant<PreparedEvents, std::vector<ItemRecord>, std::vector<UserRecord>, ForgetUsers,
               std::vector<DecisionRecord>>
      what = {};
  std::vector<Followed::Mark> marks = {};
  Ingest::Done done = {};
  [[nodiscard]] size_t records() const;
  [[nodiscard]] uint64_t source() const;  // PreparedEvents::source; 0 for all else
};

// What the writer thread keeps from group to group.
struct Writer {
  EventLog* log = nullptr;
  RocksLog* marked = nullptr;  // the same, where marks can be stored
  LiveState* state = nullptr;
  Forgetting* forgetting = nullptr;
  const EventTypes* types = nullptr;
  IdentityWindow window;
  size_t window_events = 0;    // that it is to hold
  bool window_filled = false;  // false: the log has events that the window has not seen
  uint64_t sole_source = 0;    // not 0: of which all events in the log are (PreparedEvents::source)
  uint64_t events_end = 0, items_end = 0, users_end = 0, decisions_end = 0;  // of the log
  std::map<std::string, uint64_t> failed = {};  // attempts of followed sources
  bool deferred = false;                        // not folded for now
  bool behind = false;                          // the log holds what is not folded

  Status fill_window(std::stop_token stop);
};

// All submissions have the same source().
class CommitGroup {
 public:
  CommitGroup(Writer& writer, std::vector<Submission> submissions)
      : writer_(writer), submissions_(std::move(submissions)) {}
  // Answers every submission exactly once, and returns what all were answered.
  Status commit();

 private:
  // Rows that follow each other in the log, encoded together.
  struct Run {
    std::vector<EventView> rows;
    const std::vector<EventView>* all = nullptr;  // rows of a prepared batch, all of them new
    std::vector<EncodedBlock> blocks;             // without any rows beside: as they were prepared
    [[nodiscard]] const std::vector<EventView>& view() const { return all ? *all : rows; }
  };
  void refuse_stale();
  Status make_comparable();
  Status gather();
  Status gather_events(PreparedEvents& events, IngestReceipt& receipt);
  Status gather_seen(PreparedEvents& events, IngestReceipt& receipt);
  void add_prepared(PreparedEvents& events);
  void register_items(const PreparedEvents& events);
  Status append();
  Status fold();
  Status forget();
  Status answer(Status status, const Status& forgotten = {});

  Writer& writer_;
  std::vector<Submission> submissions_;
  RocksLog::Marks marks_;  // after it
  bool all_new_ = false;   // of the one source whose events the log holds, or the first
  std::vector<IngestReceipt> receipts_;  // one a submission
  std::vector<Hash128> remembered_;      // to be forgotten when the log refuses
  std::vector<ItemRecord> items_;
  std::unordered_set<std::string> new_items_;
  std::vector<UserRecord> users_;
  std::vector<DecisionRecord> decisions_;
  bool forgets_ = false;
  std::vector<std::string> forget_;  // users
  std::vector<Run> runs_;
};

}  // namespace palate
