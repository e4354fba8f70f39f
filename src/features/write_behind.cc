#include "features/write_behind.h"

#include <system_error>

#include "base/log.h"

namespace palate {

WriteBehind::~WriteBehind() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WriteBehind::changed() {
  {
    const std::lock_guard lock(mutex_);
    if (changed_) return;
    changed_ = true;
    if (!thread_.joinable()) {
      try {
        thread_ = std::thread([this] { run(); });
      } catch (const std::system_error&) {
        changed_ = false;  // no thread to be had: the next change tries again
        return;
      }
    }
  }
  wake_.notify_all();
}

void WriteBehind::hurry() {
  {
    const std::lock_guard lock(mutex_);
    hurry_ = true;
  }
  wake_.notify_all();
}

Status WriteBehind::flush() {
  const std::lock_guard lock(flushing_);
  return flush_();
}

void WriteBehind::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return changed_ || stopping_; });
    wake_.wait_for(lock, delay_, [&] { return hurry_ || stopping_; });
    if (stopping_) return;
    changed_ = hurry_ = false;
    lock.unlock();
    const Status flushed = flush();
    lock.lock();
    if (flushed && failed_) log_info("state is written again");
    if (!flushed && !failed_) {
      log_warning("state cannot be written for now, and is kept in memory and in the log: {}",
                  flushed.error().message);
    }
    failed_ = !flushed;
    changed_ = changed_ || failed_;
  }
}

}  // namespace palate
