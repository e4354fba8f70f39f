// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): random
// numbers as a pure function of (seed, stream, counter). Give each user, item or block a stream of
// its own and results do not depend on threads.
#pragma once

#include <array>
#include <cstdint>

namespace palate {

// The ten rounds: a bijection of the counter under the key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A sequence over one stream. Cheap to make; not thread-safe. Satisfies UniformRandomBitGenerator.
class Philox {
 public:
  using result_type = uint32_t;
  explicit Philox(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return 0xffffffffu; }
  result_type operator()();
  uint64_t bits64() {
    const uint64_t high = (*this)();
    return high << 32 | (*this)();
  }
  // Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(bits64() >> 11) * 0x1.0p-53; }
  // Uniform in [0, n), n > 0, without bias (Lemire 2019).
  uint32_t below(uint32_t n);
  // Standard normal (Box and Muller 1958).
  double normal();

 private:
  uint64_t seed_, stream_;
  uint64_t block_ = 0;
  uint32_t used_ = 4;
  std::array<uint32_t, 4> values_{};
};

}  // namespace palate
