// Names to small numbers in order of first appearance, for the length of one batch. Open
// addressing over hashes that the caller already has. Not thread-safe. Not for anything that lives
// on: see ids/item_interner.h.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace palate {

class NameTable {
 public:
  // Room for `names_expected` distinct names before it grows.
  explicit NameTable(size_t names_expected) {
    size_t size = 16;
    while (size < names_expected * 2) size *= 2;
    slots_.assign(size, kEmpty);
  }

  // The number of `name`, which must stay valid as long as the table.
  uint32_t number(uint64_t hash, std::string_view name) {
    const size_t mask = slots_.size() - 1;
    size_t at = hash & mask;
    while (slots_[at] != kEmpty) {
      const Name& there = names_[slots_[at]];
      if (there.hash == hash && there.name == name) return slots_[at];
      at = (at + 1) & mask;
    }
    const auto added = static_cast<uint32_t>(names_.size());
    slots_[at] = added;
    names_.push_back({hash, name});
    if (names_.size() * 2 > slots_.size()) grow();
    return added;
  }

  // Before number(): fetches where the hash leads, and (some time later) the name that lies there.
  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]); }
  void prefetch_name(uint64_t hash) const {
    const uint32_t there = slots_[hash & (slots_.size() - 1)];
    if (there != kEmpty) __builtin_prefetch(&names_[there]);
  }
  [[nodiscard]] size_t size() const { return names_.size(); }
  // From here on the name of that number lies at `copy`, which equals it.
  void move_name(uint32_t number, std::string_view copy) { names_[number].name = copy; }

  struct Name {
    uint64_t hash;
    std::string_view name;
  };
  [[nodiscard]] const std::vector<Name>& names() const { return names_; }

 private:
  static constexpr uint32_t kEmpty = 0xffffffff;
  void grow() {
    slots_.assign(slots_.size() * 2, kEmpty);
    const size_t mask = slots_.size() - 1;
    for (uint32_t n = 0; n < names_.size(); ++n) {
      size_t at = names_[n].hash & mask;
      while (slots_[at] != kEmpty) at = (at + 1) & mask;
      slots_[at] = n;
    }
  }
  std::vector<uint32_t> slots_;
  std::vector<Name> names_;
};

}  // namespace palate
