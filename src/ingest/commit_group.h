// One group of submissions on its way into the log: gathers, drops duplicates, registers unknown
// items, appends everything at once, folds, and answers everybody. Used by the one writer thread.
#pragma once

#include <cstdint>
#include <functional>
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
  std::variant<PreparedEvents, std::vector<ItemRecord>, std::vector<UserRecord>> what;
  Ingest::Done done;
  [[nodiscard]] size_t records() const;
};

// What the writer thread keeps from group to group.
struct Writer {
  EventLog* log = nullptr;
  LiveState* state = nullptr;
  const EventTypes* types = nullptr;
  IdentityWindow window;
  uint64_t events_end = 0, items_end = 0, users_end = 0;  // of the log
  bool deferred = false;                                  // not folded for now
  bool behind = false;                                    // the log holds what is not folded
};

class CommitGroup {
 public:
  CommitGroup(Writer& writer, std::vector<Submission> submissions)
      : writer_(writer), submissions_(std::move(submissions)) {}
  // Answers every submission exactly once.
  void commit();

 private:
  // Rows that follow each other in the log, encoded together.
  struct Run {
    std::vector<EventView> rows;
    const std::vector<EventView>* all = nullptr;  // rows of a prepared batch, all of them new
    std::vector<EncodedBlock> blocks;
    [[nodiscard]] const std::vector<EventView>& view() const { return all ? *all : rows; }
  };
  void gather();
  void gather_events(PreparedEvents& events, IngestReceipt& receipt);
  void register_items(const PreparedEvents& events);
  Status append();
  Status fold();
  void answer(const Status& status);

  Writer& writer_;
  std::vector<Submission> submissions_;
  std::vector<IngestReceipt> receipts_;  // one a submission
  std::vector<Hash128> remembered_;      // to be forgotten when the log refuses
  std::vector<ItemRecord> items_;
  std::unordered_set<std::string> new_items_;
  std::vector<UserRecord> users_;
  std::vector<Run> runs_;
};

}  // namespace palate
