// Bits that look like chance, as a function of a number.
#pragma once

#include <cstdint>

namespace palate {

// The finalizer of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", OOPSLA 2014, figure 17): a bijection in which each bit in moves half of those out.
constexpr uint64_t mix64(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
  x = (x ^ x >> 27) * 0x94d049bb133111ebU;
  return x ^ x >> 31;
}

// 2⁶⁴ divided by the golden ratio: what numbers that follow each other are spread by before.
inline constexpr uint64_t kGolden64 = 0x9e3779b97f4a7c15U;

}  // namespace palate
