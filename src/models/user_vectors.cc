#include "models/user_vectors.h"

#include <algorithm>
#include <bit>

namespace palate {
namespace {

constexpr size_t kWays = 4;     // slots that a user may be in
constexpr size_t kLocks = 256;  // each of many sets

}  // namespace

struct UserVectors::Slot {
  UserId user{};
  uint64_t taste = 0;
  bool has_vector = false;
  bool asked = false;  // since it was last looked at for being replaced
};

uint64_t taste_hash(std::span<const HistoryEntry> history) {
  uint64_t hash = history.size();
  for (const HistoryEntry& entry : history) {
    const uint64_t taste =
        uint64_t{entry.item.value} << 32 | std::bit_cast<uint32_t>(entry.preference);
    hash = (hash ^ taste) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32;
  }
  return hash;
}

UserVectors::UserVectors(size_t dim, size_t bytes_max) : dim_(dim), locks_(kLocks) {
  const size_t set_bytes = kWays * (dim * sizeof(float) + sizeof(Slot));
  sets_ = std::bit_floor(std::max<size_t>(bytes_max / set_bytes, 1));
  slots_ = std::make_unique<Slot[]>(sets_ * kWays);
  vectors_.reset(new float[sets_ * kWays * dim]);  // not touched before it is written
}
UserVectors::~UserVectors() = default;

size_t UserVectors::set_of(const UserId& user) const { return user.words[1] & (sets_ - 1); }

// With the set's lock held.
UserVectors::Slot* UserVectors::look(size_t set, const Key& key) const {
  for (Slot* slot = &slots_[set * kWays]; slot != &slots_[set * kWays] + kWays; ++slot) {
    if (slot->user != key.user) continue;
    if (slot->taste != key.taste) return nullptr;
    slot->asked = true;
    return slot;
  }
  return nullptr;
}

std::optional<bool> UserVectors::find(const Key& key, float* vector) const {
  if (key.user == UserId{}) return std::nullopt;
  const size_t set = set_of(key.user);
  const std::lock_guard lock(locks_[set % kLocks]);
  const Slot* slot = look(set, key);
  if (slot == nullptr) return std::nullopt;
  if (slot->has_vector) {
    std::copy_n(&vectors_[static_cast<size_t>(slot - slots_.get()) * dim_], dim_, vector);
  }
  return slot->has_vector;
}

std::optional<bool> UserVectors::has(const Key& key) const {
  if (key.user == UserId{}) return std::nullopt;
  const size_t set = set_of(key.user);
  const std::lock_guard lock(locks_[set % kLocks]);
  const Slot* slot = look(set, key);
  return slot == nullptr ? std::nullopt : std::optional(slot->has_vector);
}

void UserVectors::keep(const Key& key, const float* vector) {
  if (key.user == UserId{}) return;
  const size_t set = set_of(key.user);
  const std::lock_guard lock(locks_[set % kLocks]);
  const std::span<Slot> ways(&slots_[set * kWays], kWays);
  // The user's own slot, else an empty one, else one that nobody has asked for since the last time,
  // else any.
  auto slot = std::ranges::find(ways, key.user, &Slot::user);
  if (slot == ways.end()) slot = std::ranges::find(ways, UserId{}, &Slot::user);
  if (slot == ways.end()) slot = std::ranges::find(ways, false, &Slot::asked);
  if (slot == ways.end()) {
    for (Slot& way : ways) way.asked = false;
    slot = ways.begin() + static_cast<ptrdiff_t>(key.taste % kWays);
  }
  *slot = {.user = key.user, .taste = key.taste, .has_vector = vector != nullptr};
  if (vector != nullptr) {
    std::copy_n(vector, dim_, &vectors_[static_cast<size_t>(&*slot - slots_.get()) * dim_]);
  }
}

}  // namespace palate
