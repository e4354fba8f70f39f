// The identities of the newest events, so that one that comes again is dropped. Two generations of
// an open-addressing table (linear probing): when the young one holds `identities_min`, it becomes
// the old one and the old one is forgotten. So at least `identities_min` are remembered and at most
// twice as many, at 16 bytes and a load of 0.3 to 0.6 each. Starts small. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/hash.h"

namespace palate {

class IdentityWindow {
 public:
  explicit IdentityWindow(size_t identities_min);

  // Remembers all; answers for each whether it is new (1) or was there already (0), also within the
  // batch. Look-ups are prefetched.
  std::vector<uint8_t> insert(std::span<const Hash128> identities);
  // Takes back what insert() has just found new, when it could not be logged after all.
  void erase(std::span<const Hash128> identities);
  [[nodiscard]] size_t size() const { return young_.count + old_.count; }

 private:
  struct Table {
    std::vector<Hash128> slots;  // a power of two; {0, 0} is empty
    size_t count = 0;

    [[nodiscard]] size_t home(const Hash128& id) const { return id.words[0] & (slots.size() - 1); }
    [[nodiscard]] size_t find(const Hash128& id) const;  // where it is or would go
    [[nodiscard]] bool has(const Hash128& id) const;
    void prefetch(const Hash128& id) const;
    bool add(const Hash128& id);
    void remove(const Hash128& id);
    void grow();
  };
  size_t identities_min_;
  Table young_, old_;
};

}  // namespace palate
