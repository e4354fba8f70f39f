// The tables of the lake: what columns each has, how its rows are sorted, where its files lie
// (docs/formats/lake.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/time.h"
#include "lake/table.h"

namespace palate::lake {

enum class Zone : uint8_t {
  kRaw,    // every event as it was logged, in order of the log
  kClean,  // without repeats, by user and time
  kItems,  // every change of an item, in order of the log
  kUsers,  // every change of a user, in order of the log
};
inline constexpr std::array<std::string_view, 4> kZoneNames = {"raw", "clean", "items", "users"};
std::optional<Zone> zone_named(std::string_view name);
[[nodiscard]] inline bool has_days(Zone zone) { return zone <= Zone::kClean; }

// Columns of raw and clean, in order.
namespace event {
enum : size_t {
  kUser,
  kItem,
  kType,
  kTs,
  kReceived,
  kValue,
  kRequest,
  kSlot,
  kContext,
  kEvent,
  kOccurrence,
  kPartition,
  kOffset,
};
}
// Columns of items, and of users.
namespace item {
enum : size_t { kItem, kTitle, kHidden, kRecord, kPartition, kOffset };
}
namespace user {
enum : size_t {
  kUser,
  kRegion,
  kLanguage,
  kAgeBand,
  kPersonalization,
  kRecord,
  kPartition,
  kOffset
};
}

std::span<const ColumnSpec> columns_of(Zone zone);
std::vector<size_t> all_columns(Zone zone);
// Columns that rows are sorted by, most significant first.
std::span<const size_t> order_of(Zone zone);
struct PositionColumns {
  size_t partition, offset;
};
PositionColumns position_columns(Zone zone);
// The column of users' pseudonyms; none in items.
std::optional<size_t> user_column(Zone zone);
// The columns with these names. Errors: kInvalidArgument names one that the zone does not have.
Result<std::vector<size_t>> columns_named(Zone zone, std::span<const std::string_view> names);

// -1, 0 or 1 as row `i` of `a` sorts before, with or behind row `j` of `b`.
struct RowAt {
  const Table* table;
  size_t row;
};
int compare_rows(Zone zone, RowAt a, RowAt b);

// A part of raw or clean: one day, or one day and region. Items and users have one part.
struct Part {
  int64_t day = 0;     // since 1970-01-01, UTC
  std::string region;  // empty where the lake has none, or the event said none
  auto operator<=>(const Part&) const = default;
};
int64_t day_of(int64_t ts_us);
std::string day_text(int64_t day);  // "2026-01-31"
std::optional<int64_t> parse_day(std::string_view text);
// A region that can be a folder's name: 1 to 32 letters, digits, '-' and '_'.
bool good_region(std::string_view region);
// "clean/day=2026-01-31/region=DE", relative to the lake; an empty region is Hive's null.
std::string part_folder(Zone zone, const Part& part, bool regions);

}  // namespace palate::lake
