// Users' states in memory, over a store: read on demand, changed by the one writer, and handed out
// to be written behind. What is in the store and what is here make one state: a user who was
// changed stays here until he is written, everybody else may leave when memory is short.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "events/event_types.h"
#include "features/history.h"
#include "store/state_store.h"

namespace palate {

// The key of a user in the store.
std::string user_key(const UserId& id);

// Reads are thread-safe, beside each other and beside the writer; the rest is the writer's, or
// whoever holds its place.
class UserStates {
 public:
  // A state as it was when it was read; it does not change.
  using Ref = std::shared_ptr<const UserState>;
  struct Parts {
    const StateStore* store;
    const EventTypes* types;
    size_t bytes_max;  // beyond which those leave that were not asked for lately
  };
  struct Changed {
    UserId id;
    Ref state;
  };

  explicit UserStates(Parts parts);
  ~UserStates();

  // The newest state, or nullptr for a user without one. Errors: those of the store, kCorrupt.
  Result<Ref> get(const UserId& id) const;

  // Of many users, each as get(); makes nothing stay.
  Result<std::vector<Ref>> get_all(std::span<const UserId> ids) const;
  // From here on `state` is the user's. `is_new`: he had none before.
  void put(const UserId& id, Ref state, bool is_new);
  // Everybody changed since the last time, for whoever writes them. Ascending by key.
  std::vector<Changed> take_changed();
  // Those are written; or not, then the next take_changed() has them again.
  void settle(std::span<const Changed> changed, bool written);
  // The store has nothing of this user any more.
  void drop(const UserId& id);
  // Forgets everybody: the store was changed past this. What was not written is lost.
  void clear();

  // Of those that are not in the store yet. Thread-safe, as are the next two.
  [[nodiscard]] uint64_t new_users() const;
  // Roughly, of states that take_changed() would give or that are being written.
  [[nodiscard]] size_t unwritten_bytes() const;
  [[nodiscard]] size_t bytes() const;  // of all states here

 private:
  struct Shard;
  Shard& shard_of(const UserId& id) const;
  template <class T>
  T sum(T Shard::* of) const;
  Parts parts_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace palate
