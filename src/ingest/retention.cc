#include "ingest/retention.h"

#include <algorithm>

#include "base/time.h"
#include "events/block.h"

namespace palate {

void RetentionConfig::fields(FieldVisitor<RetentionConfig>& field) {
  using C = RetentionConfig;
  field("log_days", &C::log_days, {.min = 0, .max = 36'500, .unit = "d"},
        "The log drops events that were received longer ago; 0 keeps them. What they have taught "
        "stays in histories, models and the lake.");
  field("log_gib", &C::log_gib, {.min = 0, .max = 1e6, .unit = "GiB"},
        "The log drops its oldest events beyond this size; 0 keeps them.");
  field("decisions_days", &C::decisions_days, {.min = 0, .max = 36'500, .unit = "d"},
        "What was answered ([decisions]) is dropped when it is older; 0 keeps it.");
  field("decisions_gib", &C::decisions_gib, {.min = 0, .max = 1e6, .unit = "GiB"},
        "The oldest decisions are dropped beyond this size; 0 keeps them.");
  field("every_s", &C::every_s, {.min = 1, .max = 1e6, .unit = "s"},
        "How often a server looks for what may be dropped.");
  field("forget_within_s", &C::forget_within_s, {.min = 0, .max = 2'592'000, .unit = "s"},
        "A server rewrites its files without those who asked to be forgotten at most so long "
        "after the first has asked; what they did is hidden at once.");
  field("rebuild_from_kept", &C::rebuild_from_kept, {},
        "Whether users' state may be folded anew from a log whose beginning was dropped, which "
        "makes histories shorter; else the start says so and ends.");
}

namespace {

uint64_t bytes_of(double gib) { return static_cast<uint64_t>(gib * (uint64_t{1} << 30)); }

}  // namespace

Result<RocksLog::Trimmed> trim_events(RocksLog& log, const RetentionConfig& config,
                                      uint64_t not_beyond, const std::stop_token& stop) {
  if (config.keeps_events()) return RocksLog::Trimmed();
  const TimeUs oldest{now().us - config.log_days * kDayUs};
  const EventTypes types;
  return log.trim(
      Stream::kEvents,
      [&](const EventLog::Block& block, uint64_t bytes_kept) -> Result<bool> {
        if (block.first.offset + block.count > not_beyond) return false;
        if (config.log_gib > 0 && bytes_kept > bytes_of(config.log_gib)) return true;
        if (config.log_days == 0) return false;
        const EventBatch batch = TRY(decode_events(block.bytes, types));
        return std::ranges::all_of(batch.rows,
                                   [&](const EventView& row) { return row.received < oldest; });
      },
      stop);
}

Result<RocksLog::Trimmed> trim_decisions(RocksLog& log, const RetentionConfig& config,
                                         const std::stop_token& stop) {
  const TimeUs oldest{now().us - config.decisions_days * kDayUs};
  return log.trim(
      Stream::kDecisions,
      [&](const EventLog::Block& block, uint64_t bytes_kept) -> Result<bool> {
        if (config.decisions_gib > 0 && bytes_kept > bytes_of(config.decisions_gib)) return true;
        if (config.decisions_days == 0) return false;
        const auto decisions = TRY(decode_decisions(block.bytes));
        return std::ranges::all_of(
            decisions, [&](const DecisionRecord& decision) { return decision.made < oldest; });
      },
      stop);
}

}  // namespace palate
