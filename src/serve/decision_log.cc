#include "serve/decision_log.h"

#include <chrono>
#include <utility>

#include "base/log.h"
#include "events/limits.h"

namespace palate {
namespace {

constexpr size_t kWaitingBytesMax = 16 << 20;
constexpr auto kGather = std::chrono::milliseconds(200);

}  // namespace

DecisionLog::DecisionLog(Ingest& ingest, const DecisionConfig& config)
    : ingest_(ingest),
      sink_{.config = config,
            .take = [this](DecisionRecord decision) { take(std::move(decision)); }},
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

DecisionLog::~DecisionLog() {
  thread_.request_stop();
  thread_.join();
  write(std::move(waiting_));
}

DecisionLog::Report DecisionLog::report() const {
  return {counts_->logged.load(), counts_->lost.load()};
}

void DecisionLog::take(DecisionRecord decision) {
  const size_t bytes = decision.json.size() + sizeof decision;
  const std::lock_guard lock(mutex_);
  if (bytes > kRecordBytesMax || waiting_bytes_ + bytes > kWaitingBytesMax) {
    ++counts_->lost;
    return;
  }
  waiting_bytes_ += bytes;
  waiting_.push_back(std::move(decision));
  if (waiting_.size() == 1) wake_.notify_one();
}

void DecisionLog::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    wake_.wait_for(lock, stop, kGather, [] { return false; });
    std::vector<DecisionRecord> decisions = std::exchange(waiting_, {});
    waiting_bytes_ = 0;
    lock.unlock();
    write(std::move(decisions));
    lock.lock();
  }
}

void DecisionLog::write(std::vector<DecisionRecord> decisions) const {
  const size_t count = decisions.size();
  if (count == 0) return;
  const auto lost = [counts = counts_, count](const Error& error) {
    counts->lost += count;
    log_warning("{} decisions are not logged: {}", count, error.message);
  };
  const Status queued = ingest_.submit_decisions(
      std::move(decisions), [counts = counts_, count, lost](Result<IngestReceipt> receipt) {
        if (!receipt) return lost(receipt.error());
        counts->logged += count;
      });
  if (!queued) lost(queued.error());
}

}  // namespace palate
