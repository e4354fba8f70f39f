// Says how far a long piece of work has come. On a terminal a bar appears on stderr once the work
// has run for two seconds; elsewhere nothing is printed. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace palate {

class Progress {
 public:
  // `total` 0: unknown, only the count and the rate are shown.
  explicit Progress(std::string doing, uint64_t total = 0, std::string unit = "");
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(uint64_t done = 1);
  void set_total(uint64_t total) { total_ = total; }
  [[nodiscard]] uint64_t done() const { return done_; }
  // Turns all bars off (`--quiet`, `--json`).
  static void disable();

 private:
  void draw(bool last);
  std::string doing_, unit_;
  std::atomic<uint64_t> total_, done_{0};
  std::atomic<int64_t> next_draw_us_;
  std::chrono::steady_clock::time_point start_;
  std::mutex drawing_;
  bool drawn_ = false;
};

}  // namespace palate
