#include "base/memory.h"

#include <atomic>
#include <limits>
#include <sys/resource.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/machine.h"

// Of mimalloc, which only the program itself is linked with.
extern "C" __attribute__((weak)) void mi_collect(bool force);

namespace palate {
namespace {

constexpr uint64_t kUnset = std::numeric_limits<uint64_t>::max();
std::atomic<uint64_t> planted_bytes{kUnset};

uint64_t mib(uint64_t bytes) { return (bytes + (1u << 20) - 1) >> 20; }

Memory memory_left() {
  if (const uint64_t planted = planted_bytes.load(); planted != kUnset) {
    return {.total_bytes = planted, .available_bytes = planted, .limited_by = "test"};
  }
  const auto memory = read_memory();
  return memory ? *memory
                : Memory{.total_bytes = kUnset, .available_bytes = kUnset, .limited_by = {}};
}

}  // namespace

void give_memory_back() {
  if (mi_collect != nullptr) mi_collect(true);
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

Status check_memory(uint64_t needed_bytes, std::string_view doing, std::string_view advice) {
  const Memory memory = memory_left();
  if (needed_bytes <= memory.available_bytes) return {};
  return fail(Code::kNoMemory,
              "{} needs about {} MiB of memory, and the {} leaves {} MiB; nothing was started. {}",
              doing, mib(needed_bytes), memory.limited_by, mib(memory.available_bytes), advice);
}

uint64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

void set_available_memory_for_test(std::optional<uint64_t> bytes) {
  planted_bytes.store(bytes.value_or(kUnset));
}

}  // namespace palate
