// Live state: everything folded from the log that serving reads: the catalogue (in memory) and
// users (in the store, and in memory who is asked for or has changed). One writer calls apply() or
// catch_up(); reads are thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <shared_mutex>
#include <span>
#include <stop_token>
#include <string_view>

#include "base/ids.h"
#include "events/event.h"
#include "events/event_types.h"
#include "events/log.h"
#include "features/catalogue.h"
#include "features/feature_config.h"
#include "features/history.h"
#include "features/item_popularity.h"
#include "features/item_signals.h"
#include "ids/keyed_hash.h"
#include "store/state_store.h"

namespace palate {

class LiveState {
 public:
  struct Parts {
    const EventTypes* types;
    const KeyedHash* hash;
    StateStore* store;
    Tenant tenant;
    HistoryLimits limits;
    FeatureConfig features = {};
    // Events behind from which on catch_up() folds them into the store instead of memory.
    size_t bulk_entries_min = 100'000;
    // Events behind up to which a reader folds them for itself; 0: users' records neither.
    uint64_t reader_events_max = 2'000'000;
    // Of users' states in memory: those that were asked for or changed lately.
    size_t user_bytes_max = size_t{256} << 20;
    // Whether what was folded before the log's beginning may be missing, when state must be folded
    // anew from a log whose oldest part is gone.
    bool rebuild_from_kept = false;
    // What changed is in the store so much later; until then it is in memory and in the log.
    std::chrono::milliseconds write_delay{5000};
  };
  explicit LiveState(Parts parts);
  ~LiveState();

  // Reads the catalogue from the whole item log, then folds what the store has not seen of events
  // and users. Idempotent. On a state version other than ours, state is dropped and rebuilt.
  // A `reader` beside a writer leaves the store as it is: it takes from there what is written and
  // folds the end of the log in memory (up to `reader_events_max`).
  // Calling it again follows the writer.
  // Errors: kCancelled, and those of log and store; what was folded before stays folded.
  Status catch_up(const EventLog& log, std::stop_token stop, bool reader = false);
  // Folds what was just logged at `first`; rows are in log order. Items must have been applied
  // before events that name them. Rows before the position are skipped; a gap is kUnavailable,
  // which catch_up() mends. Waits for the store when memory is full of what it does not have yet,
  // and fails as it does.
  Status apply_events(Position first, std::span<const EventView> rows);
  Status apply_items(Position first, std::span<const ItemRecord> items);
  Status apply_users(Position first, std::span<const UserRecord> users);

  // Drops everything that is known of these users; durable on return, with all that was folded
  // before. The one writer's.
  Status forget(std::span<const UserId> users);

  // Writes what is ahead of the store, all of it with its position. What is not flushed when this
  // is destroyed is folded again from the log by the next one.
  Status flush();

  // Up to where events, items and users are folded. Thread-safe.
  [[nodiscard]] AsOf as_of() const;
  // True once `position` is folded; waits until `deadline` (steady clock, microseconds from now)
  // for it.
  [[nodiscard]] bool wait_for(const Position& position, int64_t deadline_us) const;

  // While it lives nothing is folded: all that is read is as of one position. The writer waits, so
  // keep it for one request only, and take it before any view. Owns nothing while much is folded
  // into the store at once, when there is no such moment. Thread-safe.
  using Hold = std::shared_lock<std::shared_mutex>;
  [[nodiscard]] Hold hold() const;

  // Users with any state; reads every key. Thread-safe; counts some twice while they are written.
  [[nodiscard]] Result<uint64_t> users_count() const;
  // The user's state as it is now, or nullptr for somebody who has neither a profile nor any event
  // that says something about taste. Thread-safe.
  [[nodiscard]] Result<std::shared_ptr<const UserState>> user(std::string_view external_id) const;
  [[nodiscard]] Result<std::shared_ptr<const UserState>> user(const UserId& id) const;
  [[nodiscard]] const Catalogue& catalogue() const;
  [[nodiscard]] const EventTypes& types() const;
  // What pseudonyms are made with: an artefact's dictionary is compared with the catalogue's ids.
  [[nodiscard]] const KeyedHash& hash() const;
  // Decayed popularity, live (features/item_popularity.h). Thread-safe.
  [[nodiscard]] double item_popularity(ItemIx ix, TimeUs now) const;
  [[nodiscard]] std::vector<double> item_popularity(std::span<const ItemIx> items,
                                                    TimeUs now) const;
  [[nodiscard]] const ItemPopularity& popularity() const;
  // Counts and co-views; nullptr where [features] asks for none.
  [[nodiscard]] const ItemSignals* signals() const;
  [[nodiscard]] const FeatureConfig& features() const;
  [[nodiscard]] const HistoryLimits& limits() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace palate
