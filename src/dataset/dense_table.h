// Keys to dense numbers in order of first appearance: an open-addressing hash table with linear
// probing. For keys without an enemy behind them only (pseudonyms, or names within one block, where
// the worst case is bounded). Not thread-safe.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace palate {

template <class Key, uint64_t (*hash)(const Key&)>
class DenseTable {
 public:
  explicit DenseTable(size_t keys_expected = 0) { rehash(keys_expected); }

  // The number of `key`, a new one if it is new. At most 2^32 - 1 keys.
  uint32_t number(const Key& key) {
    size_t slot = hash(key) & mask_;
    for (; slots_[slot] != kEmpty; slot = (slot + 1) & mask_) {
      if (keys_[slots_[slot]] == key) return slots_[slot];
    }
    const auto added = static_cast<uint32_t>(keys_.size());
    slots_[slot] = added;
    keys_.push_back(key);
    if (keys_.size() * 2 > slots_.size()) rehash(keys_.size() * 2);
    return added;
  }
  [[nodiscard]] const std::vector<Key>& keys() const { return keys_; }  // by number
  [[nodiscard]] std::vector<Key> take_keys() && { return std::move(keys_); }

 private:
  static constexpr uint32_t kEmpty = std::numeric_limits<uint32_t>::max();

  void rehash(size_t keys_expected) {
    slots_.assign(std::bit_ceil(keys_expected * 2 + 2), kEmpty);
    mask_ = slots_.size() - 1;
    for (uint32_t number = 0; number < keys_.size(); ++number) {
      size_t slot = hash(keys_[number]) & mask_;
      while (slots_[slot] != kEmpty) slot = (slot + 1) & mask_;
      slots_[slot] = number;
    }
  }

  std::vector<Key> keys_;
  std::vector<uint32_t> slots_;
  size_t mask_ = 0;
};

}  // namespace palate
