// The registry's directories, for the files of this room only: which names in them are versions,
// releases, claims and leftovers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace palate::registry {

inline constexpr size_t kEntriesMax = 1'000'000;  // of one directory

// The names in a directory, ascending; none where it does not exist. Errors: kIo, kPermission,
// kOverloaded above kEntriesMax.
Result<std::vector<std::string>> names_in(const Path& directory);

// "000017" and back. Only the canonical text (six digits or more, no superfluous zeros) is one.
std::string version_name(uint64_t number);
std::optional<uint64_t> version_number(std::string_view name);

// A kind is a folder's name: lower-case letters, digits, '_' and '-'. Errors: kInvalidArgument.
Status check_kind(std::string_view kind);

// A claim keeps a number from being given twice while its artefact is being written.
std::string claim_name(uint64_t number);
std::optional<uint64_t> claim_number(std::string_view name);

// Makes `directory` vanish at once for readers, then frees it.
Status remove_directory(const Path& directory);
// Frees what a killed remove_directory() left.
void remove_trash(const Path& directory);

}  // namespace palate::registry
