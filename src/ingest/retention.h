// [retention]: how long the log keeps events and decisions, and how soon files are rewritten
// without those who asked to be forgotten.
#pragma once

#include <cstdint>
#include <stop_token>

#include "base/config.h"
#include "events/rocks_log.h"

namespace palate {

struct RetentionConfig {
  int64_t log_days = 0;
  double log_gib = 0;
  int64_t decisions_days = 30;
  double decisions_gib = 4;
  double every_s = 3600;
  double forget_within_s = 60;
  bool rebuild_from_kept = false;

  [[nodiscard]] bool keeps_events() const { return log_days == 0 && log_gib == 0; }
  static void fields(FieldVisitor<RetentionConfig>& field);
};

// Drops the oldest blocks of events that are older or more than `config` says, and end at
// `not_beyond` or before. A block is as old as its newest event was received.
Result<RocksLog::Trimmed> trim_events(RocksLog& log, const RetentionConfig& config,
                                      uint64_t not_beyond, const std::stop_token& stop);
// The same of decisions, of which nobody is behind.
Result<RocksLog::Trimmed> trim_decisions(RocksLog& log, const RetentionConfig& config,
                                         const std::stop_token& stop);

}  // namespace palate
