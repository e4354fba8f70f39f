// Threads: one bounded pool for parallel loops. Results never depend on the number of threads: work
// is cut into blocks whose borders are fixed by the input, and reductions add blocks up in order.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>

#include "base/result.h"

namespace palate {

class ThreadPool {
 public:
  // `threads` 0: as many as the process may run on (sched_getaffinity). Fewer where the system
  // does not let another start.
  explicit ThreadPool(size_t threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] size_t size() const;

  // Calls body(block, worker) for every block in [0, blocks), each once, on the pool and the
  // calling thread; returns when all are done. `worker` < size() names a scratch space. Blocks are
  // handed out in ascending order. Once `stop` fires no further block starts and kCancelled is
  // returned. The body must not call for_blocks on the same pool. What it throws (memory that is
  // not there) is thrown again here, once no other block runs.
  Status for_blocks(size_t blocks, const std::function<void(size_t block, size_t worker)>& body,
                    std::stop_token stop = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The number of processors this process may run on.
size_t available_processors();

}  // namespace palate
