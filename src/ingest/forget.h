// Users who ask to be forgotten (docs/privacy.md): at once nobody is shown what they did, and
// nothing is known of them; soon after, no file of the data directory holds it.
//
//   forget()  a fact that is durable ─▶ the log hides their rows ─▶ their state is dropped
//   sweep()   the log's blocks and the quarantine are rewritten ─▶ the fact becomes a record
//
// Facts: forget/<pseudonym> while rows are hidden, forgotten/<digest of it> afterwards.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "events/rocks_log.h"
#include "features/live_state.h"
#include "ids/keyed_hash.h"
#include "store/database.h"

namespace palate {

// What is known of somebody who asked to be forgotten.
struct ForgetRecord {
  std::string digest;  // of the pseudonym (ids/pseudonym.h)
  std::string asked;   // RFC 3339
  std::string gone;    // when no file held anything any more; empty: files still do
  uint64_t events = 0, records = 0, quarantined = 0;  // rows that were erased
};

class Forgetting {
 public:
  // Of everything else that knows users: called before forget() returns, and again for those that a
  // crash interrupted. `before` are the log's ends.
  using Elsewhere = std::function<Status(const UserId& user, const AsOf& before)>;
  struct Parts {
    Path root;  // the tenant's directory
    Database* database;
    RocksLog* log;
    const KeyedHash* hash;
    Elsewhere elsewhere = {};
  };

  // Hides what was asked for and is not gone yet. Errors: kCorrupt names a fact that is none.
  static Result<std::unique_ptr<Forgetting>> open(Parts parts);
  // Readers: after Database::catch_up().
  Status refresh();

  // Drops the state of those whom a crash or an error has left with one; before anything is taken
  // in.
  Status finish_interrupted(LiveState& state);
  // Durable on return. The one writer's, with everything logged folded into `state`; `users` may be
  // empty, to try once more what has failed. Errors: those of `elsewhere`, log and state: the rows
  // are hidden, the state is not dropped, and the next call tries again.
  Status forget(std::span<const std::string> users, LiveState& state);

  struct Swept {
    size_t users = 0;
    uint64_t events = 0, records = 0, quarantined = 0;
  };
  // Rewrites what holds rows of the forgotten whose state is dropped; on return no file of log,
  // state and quarantine does. By one thread, beside everything else. Errors: kCancelled, kNoSpace,
  // kIo, kCorrupt; the next one goes on.
  Result<Swept> sweep(const std::stop_token& stop);

  // Whether the user has asked to be forgotten after `when`, and files still hold rows.
  // Thread-safe.
  [[nodiscard]] bool is_forgotten(std::string_view user, TimeUs when) const;

  // Of those whose rows are hidden. Thread-safe.
  struct Pending {
    size_t users = 0;
    size_t with_state = 0;  // forget() has failed for them
    TimeUs asked;           // by the first
  };
  [[nodiscard]] Pending pending() const;
  // Of the pending and of those that are gone, by digest.
  [[nodiscard]] Result<std::vector<ForgetRecord>> records() const;

 private:
  struct Hidden {
    std::string asked;
    uint64_t events = 0, users = 0, decisions = 0;  // offsets from which on rows may be seen
    bool dropped = false;                           // his state
    bool operator==(const Hidden&) const = default;
  };
  using HiddenUsers = std::unordered_map<UserId, Hidden>;
  using Snapshot = std::shared_ptr<const HiddenUsers>;
  using Counts = std::unordered_map<UserId, ForgetRecord>;
  explicit Forgetting(Parts parts) : parts_(std::move(parts)) {}
  [[nodiscard]] VisibleFrom visible_from(Snapshot hidden) const;
  [[nodiscard]] Snapshot hidden() const;
  void hide(HiddenUsers hidden);
  Status drop(HiddenUsers hidden, LiveState& state);
  Status sweep_quarantine(const Snapshot& hidden, Counts& counts,
                          const std::stop_token& stop) const;
  Status settle_state(const HiddenUsers& hidden, const std::stop_token& stop) const;
  Status write_down(const HiddenUsers& swept, const Counts& counts);

  const Parts parts_;
  std::mutex changing_;  // held by whoever changes facts and what follows from them
  mutable std::mutex mutex_;
  Snapshot hidden_ = std::make_shared<const HiddenUsers>();  // guarded by mutex_
};

}  // namespace palate
