// The keys of a dictionary by their index, in blocks of 32 (docs/formats/dictionary.md). A block
// keeps what its keys begin with once, and then numbers packed in few bits where they are numbers
// ("item-00017"), else text, coded with the dictionary's symbols or as it is. Pure functions,
// thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "ids/symbol_table.h"

namespace palate {

inline constexpr size_t kKeysPerBlock = 32;
inline constexpr size_t kKeyBytesMax = size_t{64} << 10;

// Appends the block of 1 to 32 keys of at most kKeyBytesMax each.
void append_key_block(std::span<const std::string_view> keys, const SymbolTable& symbols,
                      std::string& out);
// Appends key `i` of a block; false where the block is damaged or has no such key.
[[nodiscard]] bool read_key(std::string_view block, size_t i, const SymbolTable& symbols,
                            std::string& out);

}  // namespace palate
