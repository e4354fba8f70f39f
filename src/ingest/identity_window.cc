#include "ingest/identity_window.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace palate {
namespace {

constexpr size_t kSlotsMin = 1024;
constexpr size_t kAhead = 16;  // look-ups in flight
constexpr uint64_t kEmpty = 0;

bool too_full(size_t count, size_t slots) { return count * 10 >= slots * 8; }

uint64_t key_of(const Hash128& id) {
  const uint64_t key = id.words[0] ^ (id.words[1] << 32);
  return key == kEmpty ? 1 : key;
}

}  // namespace

size_t IdentityWindow::Table::find(uint64_t key) const {
  size_t at = home(key);
  while (slots[at] != kEmpty && slots[at] != key) at = (at + 1) & (slots.size() - 1);
  return at;
}

bool IdentityWindow::Table::has(uint64_t key) const {
  return !slots.empty() && slots[find(key)] == key;
}

void IdentityWindow::Table::prefetch(uint64_t key) const {
  if (!slots.empty()) __builtin_prefetch(&slots[home(key)]);
}

void IdentityWindow::Table::grow(size_t slots_wanted) {
  std::vector<uint64_t> before = std::move(slots);
  slots.assign(std::max(kSlotsMin, slots_wanted), kEmpty);
  for (const uint64_t key : before) {
    if (key != kEmpty) slots[find(key)] = key;
  }
}

bool IdentityWindow::Table::add(uint64_t key) {
  if (too_full(count, slots.size())) grow(slots.size() * 2);
  uint64_t& slot = slots[find(key)];
  if (slot == key) return false;
  slot = key;
  ++count;
  return true;
}

// Closes the gap by moving back what probed past it (Knuth, The Art of Computer Programming 3, 6.4,
// algorithm R), so that no tombstones are needed.
void IdentityWindow::Table::remove(uint64_t key) {
  if (slots.empty()) return;
  const size_t mask = slots.size() - 1;
  size_t gap = find(key);
  if (slots[gap] == kEmpty) return;
  for (size_t at = (gap + 1) & mask; slots[at] != kEmpty; at = (at + 1) & mask) {
    if (((at - home(slots[at])) & mask) < ((at - gap) & mask)) continue;
    slots[gap] = slots[at];
    gap = at;
  }
  slots[gap] = kEmpty;
  --count;
}

IdentityWindow::IdentityWindow(size_t identities_min)
    : identities_min_(std::max<size_t>(identities_min, 1)) {}

std::vector<uint8_t> IdentityWindow::insert(std::span<const Hash128> identities) {
  std::vector<uint8_t> fresh(identities.size());
  for (size_t i = 0; i < identities.size(); ++i) {
    if (i + kAhead < identities.size()) {
      const uint64_t ahead = key_of(identities[i + kAhead]);
      young_.prefetch(ahead);
      old_.prefetch(ahead);
    }
    const uint64_t key = key_of(identities[i]);
    if (old_.has(key) || !young_.add(key)) continue;
    fresh[i] = 1;
    if (young_.count >= identities_min_) old_ = std::exchange(young_, Table{});
  }
  return fresh;
}

void IdentityWindow::erase(std::span<const Hash128> identities) {
  for (const Hash128& identity : identities) {
    const uint64_t key = key_of(identity);
    young_.remove(key);
    old_.remove(key);
  }
}

void IdentityWindow::reserve(size_t identities) {
  size_t wanted = std::bit_ceil(std::min(identities, identities_min_) + 1);
  if (too_full(std::min(identities, identities_min_), wanted)) wanted *= 2;
  if (wanted > young_.slots.size()) young_.grow(wanted);
}

void IdentityWindow::clear() { young_ = old_ = Table{}; }

}  // namespace palate
