#include "ingest/patient_writer.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/log.h"
#include "base/stop.h"

namespace palate {
namespace {

constexpr auto kAgain = std::chrono::milliseconds(200);

bool passes(Code code) {
  return code == Code::kOverloaded || code == Code::kUnavailable || code == Code::kDeadline ||
         code == Code::kBusy;
}

void wait_a_moment(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, kAgain, [] { return false; });
}

}  // namespace

template <class Write>
Result<IngestReceipt> PatientWriter::again(const Write& write) {
  while (true) {
    TRY(check_stop(stop_));
    auto receipt = write();
    if (receipt || !passes(receipt.error().code)) {
      said_.clear();
      return receipt;
    }
    if (said_ != receipt.error().message) {
      said_ = receipt.error().message;
      log_warning("waiting, and sending again: {}", said_);
    }
    wait_a_moment(stop_);
  }
}

Result<IngestReceipt> PatientWriter::events(const EventBatch& batch) {
  return again([&] {
    EventBatch copy;
    copy.rows = batch.rows;
    copy.arena = batch.arena;
    return intake_.write_events(std::move(copy));
  });
}

Result<IngestReceipt> PatientWriter::items(const std::vector<ItemRecord>& items) {
  return again([&] { return intake_.write_items(items); });
}

Result<IngestReceipt> PatientWriter::users(const std::vector<UserRecord>& users) {
  return again([&] { return intake_.write_users(users); });
}

}  // namespace palate
