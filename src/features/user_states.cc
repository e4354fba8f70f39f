#include "features/user_states.h"

#include <algorithm>
#include <deque>
#include <mutex>

#include <boost/unordered/unordered_flat_map.hpp>

namespace palate {
namespace {

constexpr size_t kShards = 64;

// Of a state with everything that holds it, roughly.
size_t bytes_of(const UserState& state) {
  constexpr size_t kHeld = 160, kProfile = 512;
  size_t activity = 0;
  if (state.activity) {
    activity = sizeof(UserActivity) +
               state.activity->types.capacity() * sizeof(UserActivity::OfType) +
               state.activity->shown.capacity() * sizeof(UserActivity::Shown);
  }
  return sizeof state + kHeld + activity + state.name.capacity() +
         state.history.capacity() * sizeof(HistoryEntry) +
         state.consumed.capacity() * sizeof(ItemIx) + (state.has_profile ? kProfile : 0);
}

struct HashUser {
  using is_avalanching = void;  // ids are keyed hashes
  size_t operator()(const UserId& id) const { return id.words[1]; }
};

}  // namespace

std::string user_key(const UserId& id) {
  std::string key("u");
  key += id.bytes();
  return key;
}

struct UserStates::Shard {
  struct Entry {
    Ref state;
    size_t bytes = 0;
    bool changed = false;  // since take_changed() …
    bool writing = false;  // … and between that and settle()
    bool stored = true;    // the store has him
    bool asked = false;    // since the hand came by
    [[nodiscard]] bool unwritten() const { return changed || writing; }
  };

  std::mutex mutex;  // of all below
  boost::unordered_flat_map<UserId, Entry, HashUser> entries;
  std::deque<UserId> ring;  // of all entries: the hand is in front
  std::vector<UserId> changed;
  uint64_t epoch = 0;  // counts changes: what was read from the store before one may be old
  size_t bytes = 0, unwritten_bytes = 0;
  uint64_t fresh = 0;  // entries that the store does not have

  void replace(Entry& entry, Ref state) {
    const size_t now = bytes_of(*state);
    bytes += now - entry.bytes;
    if (entry.unwritten()) unwritten_bytes += now - entry.bytes;
    entry.bytes = now;
    entry.state = std::move(state);
  }
  // `change` may alter whether the entry is unwritten.
  template <class Change>
  void mark(Entry& entry, const Change& change) {
    if (entry.unwritten()) unwritten_bytes -= entry.bytes;
    change();
    if (entry.unwritten()) unwritten_bytes += entry.bytes;
  }
  // Second chance (Corbató 1968): who was asked for since the hand came by stays for another round.
  // Few turns a call, for the case that nobody may leave.
  void make_room(size_t bytes_max) {
    constexpr size_t kTurnsMax = 64;
    size_t turns = std::min(2 * ring.size(), kTurnsMax);
    for (; bytes > bytes_max && turns > 0; --turns) {
      const UserId id = ring.front();
      ring.pop_front();
      const auto at = entries.find(id);
      if (at->second.unwritten() || at->second.asked) {
        at->second.asked = false;
        ring.push_back(id);
        continue;
      }
      bytes -= at->second.bytes;
      entries.erase(at);
    }
  }
};

UserStates::UserStates(Parts parts) : parts_(parts) {
  for (size_t s = 0; s < kShards; ++s) shards_.push_back(std::make_unique<Shard>());
}
UserStates::~UserStates() = default;

UserStates::Shard& UserStates::shard_of(const UserId& id) const {
  return *shards_[id.words[0] % kShards];
}

Result<UserStates::Ref> UserStates::get(const UserId& id) const {
  Shard& shard = shard_of(id);
  uint64_t epoch = 0;
  {
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.entries.find(id);
    if (at != shard.entries.end()) {
      at->second.asked = true;
      return at->second.state;
    }
    epoch = shard.epoch;
  }
  const auto bytes = TRY(parts_.store->get(user_key(id)));
  if (!bytes) return nullptr;
  Ref state = std::make_shared<const UserState>(TRY(decode_user_state(*bytes, *parts_.types)));
  const std::lock_guard lock(shard.mutex);
  if (shard.epoch != epoch) return state;  // right when it was asked for, perhaps not any more
  const auto [at, added] = shard.entries.try_emplace(id);
  if (!added) return at->second.state;
  shard.ring.push_back(id);
  shard.replace(at->second, state);
  shard.make_room(parts_.bytes_max / kShards);
  return state;
}

Result<std::vector<UserStates::Ref>> UserStates::get_all(std::span<const UserId> ids) const {
  std::vector<Ref> states(ids.size());
  std::vector<size_t> missing;
  std::vector<std::string> keys;
  for (size_t i = 0; i < ids.size(); ++i) {
    Shard& shard = shard_of(ids[i]);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.entries.find(ids[i]);
    if (at != shard.entries.end()) {
      at->second.asked = true;
      states[i] = at->second.state;
      continue;
    }
    missing.push_back(i);
    keys.push_back(user_key(ids[i]));
  }
  if (missing.empty()) return states;
  const auto stored = TRY(parts_.store->multi_get(keys));
  for (size_t m = 0; m < missing.size(); ++m) {
    if (!stored[m]) continue;
    states[missing[m]] =
        std::make_shared<const UserState>(TRY(decode_user_state(*stored[m], *parts_.types)));
  }
  return states;
}

void UserStates::put(const UserId& id, Ref state, bool is_new) {
  Shard& shard = shard_of(id);
  Ref before;  // freed behind the lock
  const std::lock_guard lock(shard.mutex);
  ++shard.epoch;
  const auto [at, added] = shard.entries.try_emplace(id);
  Shard::Entry& entry = at->second;
  if (added) {
    shard.ring.push_back(id);
    entry.stored = !is_new;
    shard.fresh += is_new ? 1 : 0;
  }
  before = entry.state;
  shard.replace(entry, std::move(state));
  if (!entry.changed) {
    shard.mark(entry, [&] { entry.changed = true; });
    shard.changed.push_back(id);
  }
  shard.make_room(parts_.bytes_max / kShards);
}

std::vector<UserStates::Changed> UserStates::take_changed() {
  std::vector<Changed> all;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    for (const UserId& id : shard->changed) {
      Shard::Entry& entry = shard->entries.find(id)->second;
      entry.changed = false;
      entry.writing = true;
      all.push_back({id, entry.state});
    }
    shard->changed.clear();
  }
  std::sort(all.begin(), all.end(),
            [](const Changed& a, const Changed& b) { return a.id.bytes() < b.id.bytes(); });
  return all;
}

void UserStates::settle(std::span<const Changed> changed, bool written) {
  for (const Changed& user : changed) {
    Shard& shard = shard_of(user.id);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.entries.find(user.id);
    if (at == shard.entries.end()) continue;  // clear() came in between
    Shard::Entry& entry = at->second;
    const bool again = !written && !entry.changed;
    shard.mark(entry, [&] {
      entry.writing = false;
      entry.changed = entry.changed || again;
    });
    if (again) shard.changed.push_back(user.id);
    if (written && !entry.stored) {
      entry.stored = true;
      --shard.fresh;
    }
  }
}

void UserStates::drop(const UserId& id) {
  Shard& shard = shard_of(id);
  const std::lock_guard lock(shard.mutex);
  ++shard.epoch;
  const auto at = shard.entries.find(id);
  if (at == shard.entries.end()) return;
  Shard::Entry& entry = at->second;
  shard.bytes -= entry.bytes;
  if (entry.unwritten()) shard.unwritten_bytes -= entry.bytes;
  if (!entry.stored) --shard.fresh;
  std::erase(shard.changed, id);
  std::erase(shard.ring, id);
  shard.entries.erase(at);
}

void UserStates::clear() {
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    ++shard->epoch;
    shard->entries.clear();
    shard->ring.clear();
    shard->changed.clear();
    shard->bytes = shard->unwritten_bytes = 0;
    shard->fresh = 0;
  }
}

template <class T>
T UserStates::sum(T Shard::* of) const {
  T sum = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    sum += (*shard).*of;
  }
  return sum;
}

uint64_t UserStates::new_users() const { return sum(&Shard::fresh); }
size_t UserStates::unwritten_bytes() const { return sum(&Shard::unwritten_bytes); }
size_t UserStates::bytes() const { return sum(&Shard::bytes); }

}  // namespace palate
