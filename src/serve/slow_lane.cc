#include "serve/slow_lane.h"

#include <sys/resource.h>
#include <unistd.h>
#include <utility>

namespace palate {
namespace {

constexpr int kNice = 5;  // about a third of an event loop's share of a busy processor

}  // namespace

SlowLane::SlowLane() : thread_([this] { loop(); }) {}

SlowLane::~SlowLane() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  given_.notify_one();
  thread_.join();
}

void SlowLane::run(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
  }
  given_.notify_one();
}

size_t SlowLane::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void SlowLane::loop() {
  // On Linux a thread has a priority of its own. Refused: then it runs like the others.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), getpriority(PRIO_PROCESS, 0) + kNice);
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      given_.wait(lock, [this] { return !queue_.empty() || ending_; });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace palate
