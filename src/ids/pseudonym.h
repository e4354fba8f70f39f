// Pseudonyms of users as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace palate {

// 32 digits in the order of the bytes in a file, so that it is what DuckDB's hex() prints.
std::string hex_of(const UserId& user);
// None for anything but what hex_of() gives.
std::optional<UserId> user_from_hex(std::string_view text);
// What stays of a pseudonym when it is gone: who has it can be recognized, and nobody be found.
std::string digest_of(const UserId& user);

}  // namespace palate
