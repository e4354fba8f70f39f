#include "lake/row_filter.h"

namespace palate::lake {

uint64_t Removed::forgotten_total() const {
  uint64_t total = 0;
  for (const auto& [place, rows] : forgotten) total += rows;
  return total;
}

RowFilter::RowFilter(const LakeConfig& config, const TombstoneFilter& tombstones, int64_t now_us)
    : tombstones_(&tombstones) {
  const int64_t today = day_of(now_us);
  if (config.keep_days > 0) first_day_ = today - config.keep_days;
  for (const auto& [type, days] : config.keep_days_of) {
    if (days > 0) type_first_day_[type] = today - days;
  }
}

bool RowFilter::may_expire(const LakeFile& file) const {
  if (!has_days(file.zone)) return false;
  if (expires(file.part)) return true;
  for (const auto& [type, count] : file.types) {
    const auto found = type_first_day_.find(type);
    if (found != type_first_day_.end() && file.part.day < found->second) return true;
  }
  return false;
}

bool RowFilter::removes(Zone zone, const Table& table, size_t row, Removed& removed) const {
  if (const int place = tombstones_->find(zone, table, row); place >= 0) {
    ++removed.forgotten[static_cast<size_t>(place)];
    return true;
  }
  if (!has_days(zone) || (!first_day_ && type_first_day_.empty())) return false;
  const int64_t day = day_of(table.columns[event::kTs].integers[row]);
  bool expired = first_day_ && day < *first_day_;
  if (!expired && !type_first_day_.empty()) {
    const auto found = type_first_day_.find(table.columns[event::kType].texts[row]);
    expired = found != type_first_day_.end() && day < found->second;
  }
  if (expired) ++removed.expired;
  return expired;
}

}  // namespace palate::lake
