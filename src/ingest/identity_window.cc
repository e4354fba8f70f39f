#include "ingest/identity_window.h"

#include <algorithm>
#include <utility>

namespace palate {
namespace {

constexpr size_t kSlotsMin = 1024;
constexpr size_t kAhead = 16;  // look-ups in flight

constexpr Hash128 kEmpty{};

Hash128 never_empty(const Hash128& id) { return id == kEmpty ? Hash128{{1, 0}} : id; }

}  // namespace

size_t IdentityWindow::Table::find(const Hash128& id) const {
  size_t at = home(id);
  while (slots[at] != kEmpty && slots[at] != id) at = (at + 1) & (slots.size() - 1);
  return at;
}

bool IdentityWindow::Table::has(const Hash128& id) const {
  return !slots.empty() && slots[find(id)] == id;
}

void IdentityWindow::Table::prefetch(const Hash128& id) const {
  if (!slots.empty()) __builtin_prefetch(&slots[home(id)]);
}

void IdentityWindow::Table::grow() {
  std::vector<Hash128> before = std::move(slots);
  slots.assign(std::max(kSlotsMin, before.size() * 2), kEmpty);
  for (const Hash128& id : before) {
    if (id != kEmpty) slots[find(id)] = id;
  }
}

bool IdentityWindow::Table::add(const Hash128& id) {
  if (count * 10 >= slots.size() * 6) grow();
  Hash128& slot = slots[find(id)];
  if (slot == id) return false;
  slot = id;
  ++count;
  return true;
}

// Closes the gap by moving back what probed past it (Knuth, The Art of Computer Programming 3, 6.4,
// algorithm R), so that no tombstones are needed.
void IdentityWindow::Table::remove(const Hash128& id) {
  if (slots.empty()) return;
  const size_t mask = slots.size() - 1;
  size_t gap = find(id);
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
      const Hash128 ahead = never_empty(identities[i + kAhead]);
      young_.prefetch(ahead);
      old_.prefetch(ahead);
    }
    const Hash128 id = never_empty(identities[i]);
    if (old_.has(id) || !young_.add(id)) continue;
    fresh[i] = 1;
    if (young_.count >= identities_min_) old_ = std::exchange(young_, Table{});
  }
  return fresh;
}

void IdentityWindow::erase(std::span<const Hash128> identities) {
  for (const Hash128& identity : identities) {
    const Hash128 id = never_empty(identity);
    young_.remove(id);
    old_.remove(id);
  }
}

}  // namespace palate
