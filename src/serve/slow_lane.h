// Where requests that take long are worked on: one thread of lower priority beside the event loops,
// so that ten thousand events in one body hold up nobody else's answer. One lane takes large
// bodies, of which the transport bounds how much can wait (serve.bodies_bytes_max,
// serve.connections_max), another one searches (endpoints/find.cc).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace palate {

class SlowLane {
 public:
  // A body up to this is parsed in well under a millisecond, on the event loop.
  static constexpr size_t kQuickBodyBytesMax = 64 << 10;

  SlowLane();
  ~SlowLane();  // once all that was given has run
  SlowLane(const SlowLane&) = delete;
  SlowLane& operator=(const SlowLane&) = delete;

  // Runs `work` after what was given before. It must not throw. Thread-safe.
  void run(std::function<void()> work);
  // What was given and has not begun. Thread-safe.
  [[nodiscard]] size_t waiting() const;

 private:
  void loop();
  mutable std::mutex mutex_;
  std::condition_variable given_;
  std::deque<std::function<void()>> queue_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace palate
