#include "lake/zones.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <compare>
#include <numeric>

#include "events/event.h"

namespace palate::lake {
namespace {

using Kind = ColumnKind;

constexpr std::array<ColumnSpec, 13> kEventColumns{{{"user", Kind::kId, true},
                                                    {"item", Kind::kText, true},
                                                    {"type", Kind::kText, true},
                                                    {"ts", Kind::kTime},
                                                    {"received", Kind::kTime},
                                                    {"value", Kind::kNumber, true},
                                                    {"request", Kind::kId},
                                                    {"slot", Kind::kSmall, true},
                                                    {"context", Kind::kText, true},
                                                    {"event", Kind::kId},
                                                    {"occurrence", Kind::kSmall, true},
                                                    {"partition", Kind::kSmall, true},
                                                    {"offset", Kind::kInteger}}};
constexpr std::array<ColumnSpec, 6> kItemColumns{{{"item", Kind::kText},
                                                  {"title", Kind::kText},
                                                  {"hidden", Kind::kSmall, true},
                                                  {"record", Kind::kText},
                                                  {"partition", Kind::kSmall, true},
                                                  {"offset", Kind::kInteger}}};
constexpr std::array<ColumnSpec, 8> kUserColumns{{{"user", Kind::kId},
                                                  {"region", Kind::kText, true},
                                                  {"language", Kind::kText, true},
                                                  {"age_band", Kind::kText, true},
                                                  {"personalization", Kind::kSmall, true},
                                                  {"record", Kind::kText},
                                                  {"partition", Kind::kSmall, true},
                                                  {"offset", Kind::kInteger}}};

constexpr std::array kRawOrder{size_t{event::kPartition}, size_t{event::kOffset}};
constexpr std::array kCleanOrder{size_t{event::kUser}, size_t{event::kTs},
                                 size_t{event::kPartition}, size_t{event::kOffset}};
constexpr std::array kItemOrder{size_t{item::kPartition}, size_t{item::kOffset}};
constexpr std::array kUserOrder{size_t{user::kPartition}, size_t{user::kOffset}};

constexpr std::string_view kHiveNull = "__HIVE_DEFAULT_PARTITION__";

}  // namespace

std::optional<Zone> zone_named(std::string_view name) {
  const auto* const found = std::ranges::find(kZoneNames, name);
  if (found == kZoneNames.end()) return std::nullopt;
  return static_cast<Zone>(found - kZoneNames.begin());
}

std::span<const ColumnSpec> columns_of(Zone zone) {
  if (zone == Zone::kItems) return kItemColumns;
  if (zone == Zone::kUsers) return kUserColumns;
  return kEventColumns;
}

std::vector<size_t> all_columns(Zone zone) {
  std::vector<size_t> columns(columns_of(zone).size());
  std::iota(columns.begin(), columns.end(), size_t{0});
  return columns;
}

std::span<const size_t> order_of(Zone zone) {
  switch (zone) {
    case Zone::kRaw:
      return kRawOrder;
    case Zone::kClean:
      return kCleanOrder;
    case Zone::kItems:
      return kItemOrder;
    case Zone::kUsers:
      return kUserOrder;
  }
  return {};
}

PositionColumns position_columns(Zone zone) {
  if (zone == Zone::kItems) return {item::kPartition, item::kOffset};
  if (zone == Zone::kUsers) return {user::kPartition, user::kOffset};
  return {event::kPartition, event::kOffset};
}

std::optional<size_t> user_column(Zone zone) {
  if (zone == Zone::kItems) return std::nullopt;
  return zone == Zone::kUsers ? size_t{user::kUser} : size_t{event::kUser};
}

Result<std::vector<size_t>> columns_named(Zone zone, std::span<const std::string_view> names) {
  std::vector<size_t> found;
  const auto specs = columns_of(zone);
  for (const std::string_view name : names) {
    const auto at = std::ranges::find(specs, name, &ColumnSpec::name);
    if (at == specs.end()) {
      return fail(Code::kInvalidArgument, "the lake's {} have no column '{}'",
                  kZoneNames[static_cast<size_t>(zone)], name);
    }
    found.push_back(static_cast<size_t>(at - specs.begin()));
  }
  return found;
}

int compare_rows(Zone zone, RowAt a, RowAt b) {
  for (const size_t column : order_of(zone)) {
    const Column& left = a.table->columns[column];
    const Column& right = b.table->columns[column];
    if (left.kind == ColumnKind::kId) {
      const auto order = left.ids[a.row] <=> right.ids[b.row];
      if (order != 0) return order < 0 ? -1 : 1;
    } else if (left.integers[a.row] != right.integers[b.row]) {
      return left.integers[a.row] < right.integers[b.row] ? -1 : 1;
    }
  }
  return 0;
}

int64_t day_of(int64_t ts_us) {
  const int64_t day = ts_us / kDayUs;
  return ts_us % kDayUs < 0 ? day - 1 : day;
}

std::string day_text(int64_t day) {
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(day)}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::optional<int64_t> parse_day(std::string_view text) {
  const auto time = parse_rfc3339(std::string(text) + "T00:00:00Z");
  if (!time || day_text(day_of(time->us)) != text) return std::nullopt;
  return day_of(time->us);
}

bool good_region(std::string_view region) {
  constexpr size_t kBytesMax = 32;
  return !region.empty() && region.size() <= kBytesMax && std::ranges::all_of(region, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

std::string part_folder(Zone zone, const Part& part, bool regions) {
  std::string folder(kZoneNames[static_cast<size_t>(zone)]);
  if (!has_days(zone)) return folder;
  folder += "/day=" + day_text(part.day);
  if (regions) folder += fmt::format("/region={}", part.region.empty() ? kHiveNull : part.region);
  return folder;
}

}  // namespace palate::lake
