// The hash that pins a dense dictionary: which id has which index. It rolls, so that the hash of
// the first n items of the item log is known at every n, and a model trained on n of them fits
// every longer log that begins with the same n.
#pragma once

#include <string>

#include "base/hash.h"
#include "base/ids.h"

namespace palate {

// h(0) = 0, h(n + 1) = XXH3-128 of h(n) followed by the id of item n. Not thread-safe; a copy is a
// snapshot.
class DictionaryHash {
 public:
  void add(ItemId id);
  [[nodiscard]] std::string hex() const;  // 32 digits

 private:
  Hash128 hash_;
};

}  // namespace palate
