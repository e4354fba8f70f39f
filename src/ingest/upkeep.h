// What a data directory needs from time to time beside a running server: files without those who
// asked to be forgotten, and without what is too old. One thread; errors go to the program's log,
// and the next turn tries again.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "ingest/data_directory.h"

namespace palate {

class Upkeep {
 public:
  struct Parts {
    DataDirectory* data;
    RetentionConfig config;
    // Up to which event the log may be dropped, of whoever else reads it (the lake); empty: all.
    std::function<Result<uint64_t>()> not_beyond = {};
  };
  explicit Upkeep(Parts parts);
  // Stops what is under way; it goes on with the next start.
  ~Upkeep();
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

 private:
  void run(const std::stop_token& stop);
  [[nodiscard]] bool is_due() const;
  Status sweep(const std::stop_token& stop);
  Status trim(const std::stop_token& stop);
  const Parts parts_;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  std::jthread thread_;
};

}  // namespace palate
