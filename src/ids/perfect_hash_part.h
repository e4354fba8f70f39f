// One part of one level of a PerfectHash while it is built, for the files of this room only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/hash.h"

namespace palate::perfect_hash {

// How a level of so many keys is laid out.
struct Shape {
  uint64_t keys = 0, parts = 1, buckets = 1;  // buckets of a part
  uint32_t slice_bits = 0;
  [[nodiscard]] uint64_t starts(uint64_t part_keys) const;  // 0: the part has too few keys
};
inline constexpr uint64_t kLevelKeysMin = 128;  // below: no level of its own
Shape shape_of(uint64_t keys);

// Hashes without initial values.
struct HashBuffer {
  std::unique_ptr<std::byte[]> bytes;
  explicit HashBuffer(size_t hashes = 0)
      : bytes(std::make_unique_for_overwrite<std::byte[]>(hashes * sizeof(Hash128))) {}
  [[nodiscard]] Hash128* data() const { return reinterpret_cast<Hash128*>(bytes.get()); }
};

struct BuiltPart {
  std::vector<Hash128> bumped;
  std::vector<uint64_t> free;        // slots that no key got, ascending, from 0
  std::optional<Hash128> duplicate;  // a hash that came twice; nothing else is to be used then
};

// Finds the seeds of the part's buckets. `hashes` all fall into the part, `seeds` are zero.
BuiltPart build_part(const Shape& shape, std::span<const Hash128> hashes, std::span<uint8_t> seeds);

// A hash that is there twice. Sorts.
std::optional<Hash128> find_duplicate(std::span<Hash128> hashes);

}  // namespace palate::perfect_hash
