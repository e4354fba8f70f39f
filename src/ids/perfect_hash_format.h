// What the words of a PerfectHash are, for the files of this room only; docs/formats/dictionary.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/hash.h"
#include "ids/perfect_hash.h"

namespace palate::perfect_hash {

inline constexpr uint64_t kMagic = 0x4853414850544c50;  // "PLTPHASH"
inline constexpr uint32_t kFormat = 1;
inline constexpr size_t kHeadWords = 4;   // magic, format and levels, keys, keys in the rest
inline constexpr size_t kLevelWords = 4;  // keys, parts, buckets of a part, bits of a slice
inline constexpr size_t kPartWords = 2;   // first slot, starts
inline constexpr size_t kLevelsMax = 32;
inline constexpr uint32_t kSliceBitsMax = 10;
inline constexpr uint64_t kShifts = 64;  // that a seed can add

// The hash by which the next level knows a key.
inline Hash128 again(const Hash128& hash) {
  const auto fold = [](uint64_t a, uint64_t b) {
    const auto [high, low] = multiply(a, b);
    return high ^ low;
  };
  return {{fold(hash.words[0] ^ 0xa0761d6478bd642f, hash.words[1] ^ 0xe7037ed1a0b428db),
           fold(hash.words[1] ^ 0x8ebc6af09c88c6e3, hash.words[0] ^ 0x589965cc75374cc3)}};
}

}  // namespace palate::perfect_hash
