// The events that a partial request left out, on their way to the quarantine folder: queued by the
// I/O threads, written by one thread of its own, so that a slow disk holds up no request.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "events/validate.h"

namespace palate {

struct RefusedEvent {
  size_t index = 0;  // in its request
  Rejection why;
  std::string json;    // as it was sent
  std::string source;  // who sent it
};

class RefusedEvents {
 public:
  explicit RefusedEvents(Path folder);
  // Writes what is queued.
  ~RefusedEvents();
  RefusedEvents(const RefusedEvents&) = delete;
  RefusedEvents& operator=(const RefusedEvents&) = delete;

  // Queues them; false when the queue or the run's allowance (events/limits.h) is full, and they
  // are only counted. Thread-safe, does not wait for the disk.
  bool add(std::vector<RefusedEvent> events);

 private:
  void run(const std::stop_token& stop);
  void write(const std::vector<RefusedEvent>& events) const;
  [[nodiscard]] Status write_source(const std::vector<RefusedEvent>& events,
                                    std::string_view source) const;

  const Path folder_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<RefusedEvent> queue_;
  size_t queued_bytes_ = 0;
  uint64_t total_bytes_ = 0;
  std::jthread thread_;
};

}  // namespace palate
