#include "recommend/request_id.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <sys/random.h>

#include "base/check.h"
#include "base/hash.h"

namespace palate {
namespace {

std::atomic<std::string (*)()> test_ids{nullptr};

constexpr size_t kDrawn = 32;  // ids a thread draws from the kernel at once

struct Pool {
  std::array<Hash128, kDrawn> ids;
  size_t used = kDrawn;

  void refill() {
    auto* bytes = reinterpret_cast<unsigned char*>(ids.data());
    for (size_t have = 0; have < sizeof ids;) {
      const ssize_t got = getrandom(bytes + have, sizeof ids - have, 0);
      PALATE_CHECK(got > 0 || errno == EINTR, "the kernel gives no random bytes");
      if (got > 0) have += static_cast<size_t>(got);
    }
    used = 0;
  }
};

}  // namespace

std::string new_request_id() {
  if (auto* make = test_ids.load(std::memory_order_acquire)) return make();
  thread_local Pool pool;
  if (pool.used == kDrawn) pool.refill();
  return to_hex(pool.ids[pool.used++]);
}

void set_request_ids_for_test(std::string (*make)()) {
  test_ids.store(make, std::memory_order_release);
}

}  // namespace palate
