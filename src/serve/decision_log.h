// The decisions that are logged, on their way into the log: gathered for a moment, then written
// together, so that they cost no request a write of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "ingest/ingest.h"
#include "recommend/decision.h"

namespace palate {

class DecisionLog {
 public:
  // `ingest` must outlive it.
  DecisionLog(Ingest& ingest, const DecisionConfig& config);
  // Writes what is gathered.
  ~DecisionLog();
  DecisionLog(const DecisionLog&) = delete;
  DecisionLog& operator=(const DecisionLog&) = delete;

  [[nodiscard]] const DecisionSink& sink() const { return sink_; }
  struct Report {
    uint64_t logged = 0;
    uint64_t lost = 0;  // too many waited, or the log took none (a full disk)
  };
  [[nodiscard]] Report report() const;  // thread-safe

 private:
  // Outlives this: the log answers when it can.
  struct Counts {
    std::atomic<uint64_t> logged{0}, lost{0};
  };
  void take(DecisionRecord decision);
  void run(const std::stop_token& stop);
  void write(std::vector<DecisionRecord> decisions) const;

  Ingest& ingest_;
  DecisionSink sink_;
  const std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<DecisionRecord> waiting_;  // these two guarded by mutex_
  size_t waiting_bytes_ = 0;
  std::jthread thread_;
};

}  // namespace palate
