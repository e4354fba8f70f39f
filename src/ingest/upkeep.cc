#include "ingest/upkeep.h"

#include <chrono>
#include <limits>

#include "base/log.h"

namespace palate {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLook = std::chrono::milliseconds(500);
constexpr auto kAgain = std::chrono::seconds(10);  // after a failure

Clock::duration seconds(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
}

}  // namespace

Upkeep::Upkeep(Parts parts)
    : parts_(std::move(parts)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

Upkeep::~Upkeep() {
  thread_.request_stop();
  thread_.join();
}

// Whoever could not be forgotten at once (a full disk, say) is tried again first.
Status Upkeep::sweep(const std::stop_token& stop) {
  Forgetting& forgetting = parts_.data->forgetting();
  if (forgetting.pending().with_state > 0) TRY(parts_.data->ingest().write_forget({}));
  const Forgetting::Swept swept = TRY(forgetting.sweep(stop));
  log_info("forgotten: {} users, {} events and {} records of the log, {} rows of the quarantine",
           swept.users, swept.events, swept.records, swept.quarantined);
  return {};
}

bool Upkeep::is_due() const {
  const Forgetting::Pending pending = parts_.data->forgetting().pending();
  const auto within_us = static_cast<int64_t>(parts_.config.forget_within_s * kSecondUs);
  return pending.users > 0 && now().us - pending.asked.us >= within_us;
}

Status Upkeep::trim(const std::stop_token& stop) {
  const uint64_t not_beyond =
      parts_.not_beyond ? TRY(parts_.not_beyond()) : std::numeric_limits<uint64_t>::max();
  const RocksLog::Trimmed trimmed = TRY(parts_.data->trim_log(not_beyond, stop));
  if (trimmed.blocks > 0) log_info("the log has dropped its oldest {} bytes", trimmed.bytes);
  return {};
}

void Upkeep::run(const std::stop_token& stop) {
  Clock::time_point next_trim = Clock::now(), next_sweep = next_trim;
  std::unique_lock lock(mutex_);
  while (!woken_.wait_for(lock, stop, kLook, [] { return false; }) && !stop.stop_requested()) {
    const auto tell = [&](std::string_view what, const Status& status) {
      if (status || status.error().code == Code::kCancelled) return;
      log_warning("{}: {}", what, status.error().message);
    };
    const Clock::time_point now = Clock::now();
    if (now >= next_sweep && is_due()) {
      const Status swept = sweep(stop);
      if (!swept) next_sweep = now + kAgain;
      tell("what was forgotten is hidden, and its files are not rewritten yet", swept);
    }
    if (now >= next_trim) {
      tell("the log cannot drop its oldest part", trim(stop));
      next_trim = now + seconds(parts_.config.every_s);
    }
  }
}

}  // namespace palate
