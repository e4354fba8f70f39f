// Checksums and content hashes: XXH3, 128 bits, little-endian words. Not keyed; for pseudonyms see
// ids/keyed_hash.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace palate {

struct Hash128 {
  std::array<uint64_t, 2> words{};
  auto operator<=>(const Hash128&) const = default;
};

Hash128 hash128(std::string_view bytes);
uint64_t hash64(std::string_view bytes, uint64_t seed = 0);
std::string to_hex(const Hash128& hash);  // 32 digits

}  // namespace palate
