// Work that cannot fit into memory is refused before it starts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace palate {

// `doing` takes about `needed_bytes` more than this process has now: kNoMemory with both figures
// and `advice` where the machine, the control group or the limit of the address space leaves less
// (base/machine.h). Where the system does not say, everything fits.
Status check_memory(uint64_t needed_bytes, std::string_view doing, std::string_view advice);

// The most memory that this process has had resident so far.
uint64_t peak_memory_bytes();

// Returns what was freed to the system: allocators keep it in the pools of many threads, and
// hundreds of megabytes would stay with a process that needs them once.
void give_memory_back();

// What check_memory() takes for available; nullopt brings the machine back.
void set_available_memory_for_test(std::optional<uint64_t> bytes);

}  // namespace palate
