// A list of ascending numbers in about 2 + log2(universe / count) bits each, with random access
// (Elias, "Efficient storage and retrieval by content and address of static files", JACM 1974;
// Vigna, "Quasi-succinct indices", WSDM 2013, section 3). The low bits of each number lie packed;
// the high bits are a bitmap of unary differences, with the place of every 64th one kept.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace palate {

// A view; the words must live as long. Immutable, thread-safe.
class EliasFano {
 public:
  EliasFano() = default;
  // Appends `values`, ascending and below `universe`, to `words`.
  static void append(std::span<const uint64_t> values, uint64_t universe,
                     std::vector<uint64_t>& words);
  // The list at the front of `words`; words_used() says where it ends. Errors: kCorrupt when it
  // does not fit the words. What the words hold beyond the sizes is not looked at.
  static Result<EliasFano> view(std::span<const uint64_t> words);

  [[nodiscard]] uint64_t size() const { return count_; }
  [[nodiscard]] uint64_t universe() const { return universe_; }
  [[nodiscard]] size_t words_used() const { return words_used_; }
  // Number `i` of the list, i < size(). Of damaged words any number below universe().
  [[nodiscard]] uint64_t at(uint64_t i) const;
  void prefetch(uint64_t i) const;  // before at(i)

 private:
  uint64_t count_ = 0, universe_ = 0;
  uint32_t low_bits_ = 0;
  size_t words_used_ = 0;
  std::span<const uint64_t> low_, high_, samples_;
};

}  // namespace palate
