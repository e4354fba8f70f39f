// Short strings in fewer bytes, each readable on its own: up to 255 symbols of one to eight bytes,
// each written as one byte; what no symbol covers costs two (Boncz, Neumann and Leis, "FSST: Fast
// Random Access String Compression", VLDB 2020; building: section 4.1).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace palate {

// Immutable once made, thread-safe.
class SymbolTable {
 public:
  SymbolTable() = default;  // no symbols
  // Symbols that suit these strings, of which it looks at the first 64 KiB. Deterministic.
  static SymbolTable train(std::span<const std::string_view> sample);
  // bytes() of another one. Errors: kCorrupt.
  static Result<SymbolTable> parse(std::string_view bytes);
  [[nodiscard]] std::string bytes() const;

  void encode(std::string_view text, std::string& out) const;  // appends
  // Appends what was encoded; false where `coded` is damaged. At most `bytes_max` are appended.
  [[nodiscard]] bool decode(std::string_view coded, size_t bytes_max, std::string& out) const;

 private:
  static constexpr uint8_t kEscape = 255;  // the next byte stands for itself
  struct Symbol {
    uint64_t word = 0;  // its bytes, the first one lowest, then zeros
    uint32_t size = 0;
    auto operator<=>(const Symbol&) const = default;
  };
  struct Counts;

  // The code of the longest symbol that `text` begins with, or kEscape.
  [[nodiscard]] uint8_t longest(std::string_view text) const;
  void set(std::vector<Symbol> symbols);
  [[nodiscard]] std::vector<Symbol> better(std::string_view sample) const;

  std::vector<Symbol> symbols_;
  std::array<std::vector<uint8_t>, 256> by_first_;  // codes by first byte, longest first
};

}  // namespace palate
