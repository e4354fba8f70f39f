// Which rows leave the lake, and why: forgotten users, and what is older than it may be kept.
// Immutable, thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "lake/lake_config.h"
#include "lake/manifest.h"
#include "lake/tombstones.h"

namespace palate::lake {

// How many rows of one zone left, and why.
struct Removed {
  uint64_t expired = 0;
  std::unordered_map<size_t, uint64_t> forgotten;  // by place of the tombstone
  [[nodiscard]] uint64_t forgotten_total() const;
};

class RowFilter {
 public:
  // `now_us`: what the clock says.
  RowFilter(const LakeConfig& config, const TombstoneFilter& tombstones, int64_t now_us);

  [[nodiscard]] bool expires(const Part& part) const {
    return first_day_ && part.day < *first_day_;
  }
  // Whether some rows of the file may have to go: by its day and types alone.
  [[nodiscard]] bool may_expire(const LakeFile& file) const;
  [[nodiscard]] bool forgets() const { return !tombstones_->empty(); }
  // Whether a row goes; counted in `removed`.
  [[nodiscard]] bool removes(Zone zone, const Table& table, size_t row, Removed& removed) const;
  [[nodiscard]] bool idle() const { return !forgets() && !first_day_ && type_first_day_.empty(); }
  [[nodiscard]] const TombstoneFilter& tombstones() const { return *tombstones_; }

 private:
  const TombstoneFilter* tombstones_;
  std::optional<int64_t> first_day_;
  std::map<std::string, int64_t, std::less<>> type_first_day_;
};

}  // namespace palate::lake
