#include "ids/item_interner.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include <sodium.h>

#include "base/check.h"
#include "base/hash.h"

namespace palate {
namespace {

constexpr size_t kChunkBytes = size_t{256} << 10;
constexpr size_t kNameBytesMax = std::numeric_limits<uint16_t>::max();
constexpr size_t kSlotsMin = 64;
constexpr uint32_t kFree = std::numeric_limits<uint32_t>::max();

}  // namespace

// Names lie in chunks that never move, each after its 16-bit length. The table is open addressing
// with linear probing, at most three quarters full; a slot keeps 32 bits of the hash, which give
// its place and spare most comparisons of names, and lets the table grow without reading any name.
struct ItemInterner::State {
  struct Slot {
    uint32_t hash = 0;
    uint32_t ix = kFree;
  };

  explicit State(size_t items_max_)
      : items_max(std::min<size_t>(items_max_, kFree)), seed(randombytes_random()) {}

  size_t items_max;
  uint64_t seed;  // names come from outside: nobody shall make them collide
  std::vector<std::unique_ptr<char[]>> chunks;
  char* next = nullptr;
  size_t left = 0;
  std::vector<const char*> names;
  std::vector<Slot> slots = std::vector<Slot>(kSlotsMin);

  [[nodiscard]] uint32_t hash_of(std::string_view name) const {
    return static_cast<uint32_t>(hash64(name, seed) >> 32);
  }
  [[nodiscard]] std::string_view name_of(uint32_t ix) const {
    uint16_t size = 0;
    std::memcpy(&size, names[ix], sizeof size);
    return {names[ix] + sizeof size, size};
  }
  // The slot that holds the name, or the free one where it belongs.
  [[nodiscard]] size_t slot_of(std::string_view name, uint32_t hash) const {
    const size_t mask = slots.size() - 1;
    size_t at = hash & mask;
    while (slots[at].ix != kFree && (slots[at].hash != hash || name_of(slots[at].ix) != name)) {
      at = (at + 1) & mask;
    }
    return at;
  }
  void grow() {
    std::vector<Slot> larger(slots.size() * 2);
    const size_t mask = larger.size() - 1;
    for (const Slot& slot : slots) {
      if (slot.ix == kFree) continue;
      size_t at = slot.hash & mask;
      while (larger[at].ix != kFree) at = (at + 1) & mask;
      larger[at] = slot;
    }
    slots = std::move(larger);
  }
  const char* store(std::string_view name) {
    const auto size = static_cast<uint16_t>(name.size());
    const size_t bytes = sizeof size + name.size();
    if (bytes > left) {
      chunks.push_back(std::make_unique_for_overwrite<char[]>(kChunkBytes));
      next = chunks.back().get();
      left = kChunkBytes;
    }
    char* stored = next;
    std::memcpy(stored, &size, sizeof size);
    std::memcpy(stored + sizeof size, name.data(), name.size());
    next += bytes;
    left -= bytes;
    return stored;
  }
};

ItemInterner::ItemInterner(size_t items_max) {
  PALATE_CHECK(sodium_init() >= 0, "libsodium cannot start");
  state_ = std::make_unique<State>(items_max);
}
ItemInterner::~ItemInterner() = default;
ItemInterner::ItemInterner(ItemInterner&&) noexcept = default;
ItemInterner& ItemInterner::operator=(ItemInterner&&) noexcept = default;

std::optional<ItemIx> ItemInterner::find(std::string_view external_id) const {
  const uint32_t ix = state_->slots[state_->slot_of(external_id, state_->hash_of(external_id))].ix;
  if (ix == kFree) return std::nullopt;
  return ItemIx{ix};
}

Result<ItemIx> ItemInterner::add(std::string_view external_id) {
  State& state = *state_;
  const uint32_t hash = state.hash_of(external_id);
  size_t at = state.slot_of(external_id, hash);
  if (state.slots[at].ix != kFree) return ItemIx{state.slots[at].ix};
  if (external_id.size() > kNameBytesMax) {
    return fail(Code::kInvalidArgument, "an item's id has {} bytes, more than the {} allowed",
                external_id.size(), kNameBytesMax);
  }
  if (state.names.size() >= state.items_max) {
    return fail(Code::kOverloaded, "there are {} items already, the most that this program keeps",
                state.items_max);
  }
  if ((state.names.size() + 1) * 4 > state.slots.size() * 3) {
    state.grow();
    at = state.slot_of(external_id, hash);
  }
  const ItemIx ix{static_cast<uint32_t>(state.names.size())};
  state.names.push_back(state.store(external_id));
  state.slots[at] = {hash, ix.value};
  return ix;
}

std::string_view ItemInterner::name(ItemIx ix) const {
  PALATE_CHECK(ix.value < state_->names.size(), "the index is none of this interner's");
  return state_->name_of(ix.value);
}

size_t ItemInterner::size() const { return state_->names.size(); }

size_t ItemInterner::bytes() const {
  return state_->chunks.size() * kChunkBytes + state_->names.capacity() * sizeof(const char*) +
         state_->slots.capacity() * sizeof(State::Slot);
}

}  // namespace palate
