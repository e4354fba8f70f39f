// Parallel loops whose blocks cannot fail and are never stopped.
#pragma once

#include <functional>

#include "base/check.h"
#include "base/threads.h"

namespace palate {

inline void for_all_blocks(ThreadPool& pool, size_t blocks,
                           const std::function<void(size_t block)>& body) {
  const Status done = pool.for_blocks(blocks, [&](size_t block, size_t) { body(block); });
  PALATE_CHECK(done.has_value(), "blocks that nobody stops all run");
}

}  // namespace palate
