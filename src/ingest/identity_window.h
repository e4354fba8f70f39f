// The identities of the newest events, so that one that comes again is dropped. Two generations of
// an open-addressing table (linear probing): when the young one holds `identities_min`, it becomes
// the old one and the old one is forgotten. So at least `identities_min` are remembered and at most
// twice as many. 64 bits of each are kept, at a load of 0.4 to 0.8: 10 to 20 bytes. That a new
// event is taken for one of twenty million others has a chance of one in 10^12. Starts small. Not
// thread-safe.
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
  // Makes room at once for so many, as far as one generation holds them.
  void reserve(size_t identities);
  void clear();
  [[nodiscard]] size_t size() const { return young_.count + old_.count; }

 private:
  struct Table {
    std::vector<uint64_t> slots;  // a power of two; 0 is empty
    size_t count = 0;

    [[nodiscard]] size_t home(uint64_t key) const { return key & (slots.size() - 1); }
    [[nodiscard]] size_t find(uint64_t key) const;  // where it is or would go
    [[nodiscard]] bool has(uint64_t key) const;
    void prefetch(uint64_t key) const;
    bool add(uint64_t key);
    void remove(uint64_t key);
    void grow(size_t slots_wanted);
  };
  size_t identities_min_;
  Table young_, old_;
};

}  // namespace palate
