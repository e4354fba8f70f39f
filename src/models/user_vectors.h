// What a model has computed from users' histories, kept for when they ask again with the same one:
// most requests come from somebody who has not done anything since the last. A table of fixed size
// that forgets; a wrong answer would need a collision of 64-bit hashes of one user's histories.
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "features/history.h"

namespace palate {

// Of the items and preferences, in their order: what a vector is computed from.
uint64_t taste_hash(std::span<const HistoryEntry> history);

class UserVectors {
 public:
  static constexpr size_t kBytesMax = size_t{64} << 20;
  // `dim` floats a user; memory of at most `bytes_max`, touched as users come.
  explicit UserVectors(size_t dim, size_t bytes_max = kBytesMax);
  ~UserVectors();

  struct Key {
    UserId user;  // all zero is never kept
    uint64_t taste = 0;
  };
  // Copies what is known into `vector`. True: it is a vector; false: there is none for this
  // history; nullopt: not known.
  std::optional<bool> find(const Key& key, float* vector) const;
  // The same, without the vector.
  [[nodiscard]] std::optional<bool> has(const Key& key) const;
  // `vector` nullptr: this history has none.
  void keep(const Key& key, const float* vector);

 private:
  struct Slot;
  [[nodiscard]] size_t set_of(const UserId& user) const;
  [[nodiscard]] Slot* look(size_t set, const Key& key) const;
  size_t dim_, sets_ = 0;
  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<float[]> vectors_;  // of each slot
  mutable std::vector<std::mutex> locks_;
};

}  // namespace palate
