// Calls a flush some seconds after something was changed, in a thread of its own that begins with
// the first change.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/result.h"

namespace palate {

class WriteBehind {
 public:
  // `flush` is called by one thread at a time. One that fails is tried again after `delay`.
  WriteBehind(std::function<Status()> flush, std::chrono::milliseconds delay)
      : flush_(std::move(flush)), delay_(delay) {}
  // Flushes nothing.
  ~WriteBehind();

  // All thread-safe.
  void changed();
  void hurry();    // does not wait for the delay
  Status flush();  // now and here; waits for one that is under way

 private:
  void run();
  std::function<Status()> flush_;
  const std::chrono::milliseconds delay_;
  std::mutex flushing_;
  std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  bool changed_ = false, hurry_ = false, stopping_ = false, failed_ = false;
  std::thread thread_;
};

}  // namespace palate
