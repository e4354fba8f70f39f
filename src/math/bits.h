// Counting in bitmaps, one bit an item.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace palate {

// How many of the first `bits` bits are set in `a` or in `b`; what is missing of one is zeros.
size_t count_either(std::span<const uint64_t> a, std::span<const uint64_t> b, size_t bits);

}  // namespace palate
