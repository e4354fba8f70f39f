#include "lake/lake_status.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/hash.h"
#include "base/stop.h"
#include "events/block.h"
#include "lake/table_file.h"
#include "lake/tombstones.h"

namespace palate::lake {
namespace {

using Findings = std::vector<std::string>;
using Days = std::map<int64_t, uint64_t>;  // events by day

// One look at one version.
struct Look {
  const VerifySource& source;
  const Manifest& manifest;
  const TombstoneFilter& tombstones;
  std::stop_token stop;
  // Where the log begins and the lake has rows, by partition of its events.
  AsOf begins = {};
};

// ---- files ---------------------------------------------------------------------------------

struct FileCheck {
  Findings findings;      // none: it is as the manifest says
  uint64_t in_log = 0;    // rows of raw that the log must have, too
  bool replaced = false;  // by a compaction meanwhile: nothing is known of it
};

Status check_bytes(const LakeFile& file, const TableBytes& bytes) {
  const std::string_view text = bytes.file->text();
  if (text.size() != file.bytes) {
    return fail(Code::kCorrupt, "{} has {} bytes, the manifest says {}", bytes.path.string(),
                text.size(), file.bytes);
  }
  if (to_hex(hash128(text)) != file.checksum) {
    return fail(Code::kCorrupt, "{} does not match its checksum (flipped bits, or another file)",
                bytes.path.string());
  }
  return {};
}

Status check_positions(const LakeFile& file, const Table& rows) {
  const auto [partition, offset] = position_columns(file.zone);
  for (size_t row = 0; row < rows.rows; ++row) {
    const auto at = static_cast<uint64_t>(rows.columns[offset].integers[row]);
    const auto in = [&](const PositionRange& range) {
      return range.partition == rows.columns[partition].integers[row] && range.first <= at &&
             at <= range.last;
    };
    if (std::ranges::none_of(file.positions, in)) {
      return fail(Code::kCorrupt, "{}: offset {} is none of those that the manifest names",
                  file.path, at);
    }
  }
  return {};
}

// Rows in the zone's order, of the part's day, from where the manifest says.
Status check_rows(const LakeFile& file, const Table& rows) {
  TRY(check_positions(file, rows));
  for (size_t row = 1; row < rows.rows; ++row) {
    if (compare_rows(file.zone, {&rows, row - 1}, {&rows, row}) >= 0) {
      return fail(Code::kCorrupt, "{}: its rows are not in order", file.path);
    }
  }
  if (!has_days(file.zone)) return {};
  for (const int64_t ts : rows.columns[event::kTs].integers) {
    if (day_of(ts) != file.part.day || ts < file.ts_min || ts > file.ts_max) {
      return fail(Code::kCorrupt, "{}: an event of {} does not belong here", file.path,
                  format_rfc3339({ts}));
    }
  }
  return {};
}

uint64_t rows_in_log(const Look& look, const Table& rows) {
  uint64_t count = 0;
  for (size_t row = 0; row < rows.rows; ++row) {
    const auto partition = static_cast<uint32_t>(rows.columns[event::kPartition].integers[row]);
    const auto offset = static_cast<uint64_t>(rows.columns[event::kOffset].integers[row]);
    if (offset < offset_of(look.begins, Stream::kEvents, partition)) continue;
    if (look.tombstones.find(Zone::kRaw, rows, row) < 0) ++count;
  }
  return count;
}

std::vector<size_t> columns_to_check(Zone zone) {
  const auto [partition, offset] = position_columns(zone);
  std::set<size_t> columns{partition, offset};
  for (const size_t column : order_of(zone)) columns.insert(column);
  if (has_days(zone)) columns.insert({event::kUser, event::kTs});
  return {columns.begin(), columns.end()};
}

Result<uint64_t> check_content(const Look& look, const LakeFile& file, const TableBytes& bytes) {
  const auto source = TRY(open_table(bytes, columns_of(file.zone)));
  if (source->rows() != file.rows) {
    return fail(Code::kCorrupt, "{} has {} rows, the manifest says {}", bytes.path.string(),
                source->rows(), file.rows);
  }
  uint64_t in_log = 0;
  const auto columns = columns_to_check(file.zone);
  for (size_t group = 0; group < source->groups(); ++group) {
    TRY(check_stop(look.stop));
    const Table rows = TRY(source->read(group, columns));
    TRY(check_rows(file, rows));
    if (file.zone == Zone::kRaw) in_log += rows_in_log(look, rows);
  }
  return in_log;
}

FileCheck check_file(const Look& look, const LakeFile& file) {
  const auto check = [&]() -> Result<uint64_t> {
    const auto bytes = TRY(look.source.lake.open(file));
    TRY(check_bytes(file, bytes));  // a file that is not ours is not decoded
    return check_content(look, file, bytes);
  };
  const auto in_log = check();
  if (in_log) return {{}, *in_log, false};
  if (in_log.error().code == Code::kBusy) return {{}, 0, true};
  return {{in_log.error().message}, 0, false};
}

// ---- accounts ------------------------------------------------------------------------------

void check_accounts(const Manifest& manifest, Findings& findings) {
  std::array<uint64_t, kZoneNames.size()> rows{};
  for (const LakeFile& file : manifest.files) rows[static_cast<size_t>(file.zone)] += file.rows;
  for (size_t zone = 0; zone < rows.size(); ++zone) {
    const Account& account = manifest.accounts[zone];
    const uint64_t gone = account.duplicates + account.expired + account.forgotten + account.erased;
    if (account.read == rows[zone] + gone) continue;
    findings.push_back(
        fmt::format("{}: {} records were read, {} are there and {} were removed: the manifest "
                    "contradicts itself",
                    kZoneNames[zone], account.read, rows[zone], gone));
  }
  std::array<uint64_t, 3> read{};  // by stream
  for (const Position& end : manifest.as_of) {
    read[static_cast<size_t>(end.stream)] +=
        end.offset - offset_of(manifest.from, end.stream, end.partition);
  }
  const std::array<uint64_t, 3> said = {manifest.accounts[0].read, manifest.accounts[2].read,
                                        manifest.accounts[3].read};
  for (size_t stream = 0; stream < read.size(); ++stream) {
    if (read[stream] < said[stream] || read[stream] - said[stream] > manifest.skipped) {
      findings.push_back(fmt::format("{}: the log was read over {} records, {} were taken",
                                     stream_name(static_cast<Stream>(stream)), read[stream],
                                     said[stream]));
    }
  }
}

// ---- the log -------------------------------------------------------------------------------

bool comparable(const Manifest& manifest) {
  const Account& raw = manifest.accounts[static_cast<size_t>(Zone::kRaw)];
  return raw.expired == 0 && raw.forgotten == 0 && manifest.skipped == 0;
}

// Counts the events of a block that are shown, from `from` up to `end`.
Status count_block(const Look& look, const EventLog::Block& block, const PositionRange& range,
                   Days& days) {
  const EventBatch batch = TRY(decode_events(block.bytes, look.source.types));
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    const EventView& row = batch.rows[i];
    const Position at{block.first.stream, block.first.partition, block.first.offset + i};
    if (at.offset < range.first || at.offset >= range.last || row.user.empty()) continue;  // erased
    if (!look.tombstones.empty() &&
        look.tombstones.find(Hash128{look.source.hash.user(row.user).words}, at) >= 0) {
      continue;
    }
    ++days[day_of(row.ts.us)];
  }
  return {};
}

// Of what the lake has read those that the log has still, and from where on that is (look.begins).
Result<Days> days_of_log(Look& look) {
  Days days;
  for (const Position& end : look.manifest.as_of) {
    if (end.stream != Stream::kEvents) continue;
    Position from = end;
    from.offset = offset_of(look.manifest.from, end.stream, end.partition);
    const PositionRange range{end.partition, from.offset, end.offset};
    std::optional<uint64_t> begin;
    bool reached = false;
    const auto read = look.source.log.read(from, [&](const EventLog::Block& block) -> Status {
      TRY(check_stop(look.stop));
      if (!begin) begin = std::max(from.offset, block.first.offset);
      reached = block.first.offset >= end.offset;
      if (reached) return fail(Code::kCancelled, "there is no need to read on");
      return count_block(look, block, range, days);
    });
    if (!read && !reached) return std::unexpected(read.error());
    from.offset = begin.value_or(end.offset);
    set_offset(look.begins, from);
  }
  return days;
}

void compare_days(const Days& lake, const Days& log, Findings& findings) {
  for (const auto& [day, count] : log) {
    const auto found = lake.find(day);
    const uint64_t there = found == lake.end() ? 0 : found->second;
    if (there == count) continue;
    findings.push_back(
        fmt::format("{}: the log has {} events, the lake {}", day_text(day), count, there));
  }
  for (const auto& [day, count] : lake) {
    if (count > 0 && !log.contains(day)) {
      findings.push_back(
          fmt::format("{}: the lake has {} events, the log none", day_text(day), count));
    }
  }
}

// Nothing where a compaction replaced the version while it was read.
Result<std::optional<LakeVerification>> verify_version(const VerifySource& source, ThreadPool& pool,
                                                       const std::stop_token& stop) {
  LakeVerification found;
  const auto manifest = TRY(source.lake.current());
  if (!manifest)
    return fail(Code::kNotFound, "{}: there is no lake yet; run palate lake compact",
                source.lake.root().string());
  found.manifest = manifest->number;
  const auto waiting = TRY(read_tombstones(source.lake.root()));
  const TombstoneFilter tombstones(waiting);
  Look look{source, *manifest, tombstones, stop};
  // The log first: it may lose its oldest part to retention meanwhile, and begins later then.
  Days log, lake;
  if (comparable(*manifest)) log = TRY(days_of_log(look));
  std::vector<FileCheck> of_files(manifest->files.size());
  TRY(pool.for_blocks(
      of_files.size(),
      [&](size_t i, size_t) { of_files[i] = check_file(look, manifest->files[i]); }, stop));
  for (size_t i = 0; i < of_files.size(); ++i) {
    const LakeFile& file = manifest->files[i];
    if (of_files[i].replaced) return std::nullopt;
    ++found.files;
    found.rows += file.rows;
    found.bytes += file.bytes;
    if (file.zone == Zone::kRaw) lake[file.part.day] += of_files[i].in_log;
    std::ranges::move(of_files[i].findings, std::back_inserter(found.findings));
  }
  check_accounts(*manifest, found.findings);
  if (!comparable(*manifest) || !found.whole()) return found;
  for (const auto& [day, count] : log) found.log_events += count;
  compare_days(lake, log, found.findings);
  // Somebody may have been forgotten between the look at the tombstones and that at the log.
  const bool changed = TRY(read_tombstones(source.lake.root())).size() != waiting.size();
  if (!found.whole() && changed) return std::nullopt;
  return found;
}

}  // namespace

Result<LakeStatus> status_of(const LakeDirectory& lake, const EventLog& log) {
  LakeStatus status;
  const auto manifest = TRY(lake.current());
  status.tombstones = TRY(read_tombstones(lake.root())).size();
  status.forgotten = TRY(read_forgotten(lake.root())).size();
  std::set<int64_t> days;
  if (manifest) {
    status.manifest = manifest->number;
    status.created = manifest->created;
    status.as_of = manifest->as_of;
    status.skipped = manifest->skipped;
    status.retired = manifest->retired.size();
    for (const LakeFile& file : manifest->files) {
      auto& zone = status.zones[static_cast<size_t>(file.zone)];
      ++zone.files;
      zone.rows += file.rows;
      zone.bytes += file.bytes;
      if (file.zone == Zone::kRaw) days.insert(file.part.day);
    }
    for (size_t i = 0; i < status.zones.size(); ++i) {
      status.zones[i].account = manifest->accounts[i];
    }
  }
  status.days = days.size();
  if (!days.empty()) {
    status.first_day = day_text(*days.begin());
    status.last_day = day_text(*days.rbegin());
  }
  for (const Position& end : TRY(log.ends())) {
    if (end.stream == Stream::kDecisions) continue;  // stay in the log
    const uint64_t seen = offset_of(status.as_of, end.stream, end.partition);
    status.behind += end.offset - std::min(seen, end.offset);
  }
  return status;
}

Result<LakeVerification> verify_lake(const VerifySource& source, ThreadPool& pool,
                                     std::stop_token stop) {
  constexpr int kTriesMax = 10;
  for (int i = 0; i < kTriesMax; ++i) {
    auto found = TRY(verify_version(source, pool, stop));
    if (found) return std::move(*found);
  }
  return fail(Code::kBusy, "{}: compactions replace the files before they are read; try again",
              source.lake.root().string());
}

}  // namespace palate::lake
