// The bytes of a dictionary file (docs/formats/dictionary.md), for the files of this room only:
// a head, the sections, and a foot that says where they lie.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace palate::dictionary {

static_assert(std::endian::native == std::endian::little, "sections are mapped as they lie");

inline constexpr uint64_t kMagic = 0x5443494445544c50;  // "PLTEDICT"
inline constexpr uint32_t kFormat = 1;
inline constexpr uint64_t kAlignment = 64;
inline constexpr uint64_t kCheckedBytes = uint64_t{1} << 20;  // that one checksum covers
inline constexpr uint32_t kFingerprintBitsMin = 16, kFingerprintBitsMax = 24;
inline constexpr uint64_t kKeysMax = 0xffff'fffe;
inline constexpr uint64_t kReadBehind =
    8;  // bytes behind the records, so that a record is one read

struct Head {
  uint64_t magic = kMagic;
  uint32_t format = kFormat;
  uint32_t zeros[13] = {};
};
static_assert(sizeof(Head) == kAlignment);

struct Section {
  uint64_t offset = 0, bytes = 0;
};

struct Foot {
  uint64_t file_bytes = 0;
  uint64_t keys = 0;
  uint32_t index_bits = 0;
  uint32_t fingerprint_bits = 0;  // 0: whole hashes
  Section key_blocks;             // one behind the other
  Section key_index;              // u64 a block and one more: where it begins in key_blocks
  Section symbols;
  Section perfect_hash;
  Section records;    // index and fingerprint, packed, in the order of the perfect hash
  Section hashes;     // 16 bytes a key in the same order; only without fingerprints
  Section checksums;  // XXH3-64 of each kCheckedBytes of what lies before them
  uint64_t checksums_checksum = 0;
  uint64_t own_checksum = 0;  // of the foot up to here
};
static_assert(std::has_unique_object_representations_v<Foot>);

inline uint32_t index_bits_of(uint64_t keys) {
  return keys < 2 ? 1 : static_cast<uint32_t>(std::bit_width(keys - 1));
}
// A key's fingerprint: bits of its hash that the perfect hash does not look at.
inline uint64_t fingerprint_of(uint64_t second_word, uint32_t bits) {
  return bits == 0 ? 0 : second_word >> (64 - bits);
}

}  // namespace palate::dictionary
