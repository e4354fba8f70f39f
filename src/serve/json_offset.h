// Where a text stops being JSON. Slow and thorough: for error messages, not for parsing.
#pragma once

#include <optional>
#include <string_view>

namespace palate {

// The byte offset, from 0, of the first byte that cannot be JSON; nullopt for well-formed JSON.
std::optional<size_t> json_error_offset(std::string_view text);

}  // namespace palate
