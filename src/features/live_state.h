// Live state: everything folded from the log that serving reads: the catalogue (in memory) and
// users (in the store). One writer calls apply() or catch_up(); reads are thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>

#include "base/ids.h"
#include "base/progress.h"
#include "events/event.h"
#include "events/event_types.h"
#include "events/log.h"
#include "features/catalogue.h"
#include "features/history.h"
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
    // Events folded together from which on their users are written as tables of their own.
    size_t bulk_entries_min = 500'000;
  };
  explicit LiveState(Parts parts);
  ~LiveState();

  // Reads the catalogue from the whole item log, then folds what the store has not seen of events
  // and users. Idempotent. On a state version other than ours, state is dropped and rebuilt.
  // `catalogue_only` leaves the store as it is, and takes positions and popularity from it (a
  // reader beside a writer); calling it again follows the writer.
  // Errors: kCancelled, and those of log and store; what was folded before stays folded.
  Status catch_up(const EventLog& log, std::stop_token stop, bool catalogue_only = false);
  // Folds what was just logged at `first`; rows are in log order. Items must have been applied
  // before events that name them. The store's position moves in the same batch. Rows before the
  // position are skipped; a gap is kUnavailable, as is everything after a failed write: catch_up()
  // mends both.
  Status apply_events(Position first, std::span<const EventView> rows);
  Status apply_items(Position first, std::span<const ItemRecord> items);
  Status apply_users(Position first, std::span<const UserRecord> users);

  // Up to where events, items and users are folded. Thread-safe.
  [[nodiscard]] AsOf as_of() const;
  // True once `position` is folded; waits until `deadline` (steady clock, microseconds from now)
  // for it.
  [[nodiscard]] bool wait_for(const Position& position, int64_t deadline_us) const;

  // Users with any state; reads every key. Thread-safe.
  [[nodiscard]] Result<uint64_t> users_count() const;
  // The user's state, or nullopt for somebody who has neither a profile nor any event that says
  // something about taste. Thread-safe.
  [[nodiscard]] Result<std::optional<UserState>> user(std::string_view external_id) const;
  [[nodiscard]] const Catalogue& catalogue() const;
  // What pseudonyms are made with: an artefact's dictionary is compared with the catalogue's ids.
  [[nodiscard]] const KeyedHash& hash() const;
  // Decayed popularity, live (features/item_popularity.h). Thread-safe.
  [[nodiscard]] double item_popularity(ItemIx ix, TimeUs now) const;
  [[nodiscard]] std::vector<double> item_popularity(std::span<const ItemIx> items,
                                                    TimeUs now) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace palate
