#include "base/threads.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

#include "base/stop.h"

namespace palate {

size_t available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<size_t>(std::max(1, CPU_COUNT(&set)));
}

struct ThreadPool::State {
  using Body = std::function<void(size_t, size_t)>;

  std::mutex mutex;
  std::condition_variable start, finished;
  const Body* body = nullptr;
  std::stop_token stop;
  size_t blocks = 0;
  uint64_t round = 0;  // counts calls, so that a worker knows a new one from the last
  size_t running = 0;
  std::exception_ptr thrown;  // by the first block of this call that threw
  bool ending = false;
  std::atomic<size_t> next{0};
  std::mutex one_call;
  std::vector<std::thread> threads;

  void work(size_t worker) {
    for (;;) {
      if (stop.stop_requested()) return;
      const size_t block = next.fetch_add(1, std::memory_order_relaxed);
      if (block >= blocks) return;
      try {
        (*body)(block, worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!thrown) thrown = std::current_exception();
        next.store(blocks, std::memory_order_relaxed);
      }
    }
  }

  void loop(size_t worker) {
    uint64_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      start.wait(lock, [&] { return ending || round != seen; });
      if (ending) return;
      seen = round;
      lock.unlock();
      work(worker);
      lock.lock();
      if (--running == 0) finished.notify_all();
    }
  }
};

ThreadPool::ThreadPool(size_t threads) : state_(std::make_unique<State>()) {
  if (threads == 0) threads = available_processors();
  for (size_t worker = 1; worker < threads; ++worker) {
    try {
      state_->threads.emplace_back([state = state_.get(), worker] { state->loop(worker); });
    } catch (const std::system_error&) {
      break;  // no room for another stack: fewer threads give the same results, later
    }
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->start.notify_all();
  for (auto& thread : state_->threads) thread.join();
}

size_t ThreadPool::size() const { return state_->threads.size() + 1; }

Status ThreadPool::for_blocks(size_t blocks, const std::function<void(size_t, size_t)>& body,
                              std::stop_token stop) {
  const std::lock_guard call(state_->one_call);
  {
    const std::lock_guard lock(state_->mutex);
    state_->body = &body;
    state_->stop = stop;
    state_->blocks = blocks;
    state_->next.store(0, std::memory_order_relaxed);
    state_->running = state_->threads.size();
    ++state_->round;
  }
  state_->start.notify_all();
  state_->work(0);
  std::unique_lock lock(state_->mutex);
  state_->finished.wait(lock, [&] { return state_->running == 0; });
  if (const auto thrown = std::exchange(state_->thrown, nullptr)) std::rethrow_exception(thrown);
  return check_stop(stop);
}

}  // namespace palate
