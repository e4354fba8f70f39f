#include "lake/lake_status.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/hash.h"
#include "base/stop.h"
#include "events/block.h"
#include "lake/table_file.h"
#include "lake/tombstones.h"

namespace palate::lake {
namespace {

using Findings = std::vector<std::string>;

// ---- files ---------------------------------------------------------------------------------

// What is wrong with one file; nothing: it is as the manifest says.
Findings check_bytes(const LakeFile& file, const Path& path) {
  const auto mapped = MappedFile::open(path);
  if (!mapped) return {mapped.error().message};
  if (mapped->text().size() != file.bytes) {
    return {fmt::format("{} has {} bytes, the manifest says {}", path.string(),
                        mapped->text().size(), file.bytes)};
  }
  if (to_hex(hash128(mapped->text())) != file.checksum) {
    return {fmt::format("{} does not match its checksum (flipped bits, or another file)",
                        path.string())};
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

std::vector<size_t> columns_to_check(Zone zone) {
  const auto [partition, offset] = position_columns(zone);
  std::set<size_t> columns{partition, offset};
  for (const size_t column : order_of(zone)) columns.insert(column);
  if (has_days(zone)) columns.insert(event::kTs);
  return {columns.begin(), columns.end()};
}

Status check_content(const LakeFile& file, const Path& path, const std::stop_token& stop) {
  const auto source = TRY(open_table(path, columns_of(file.zone)));
  if (source->rows() != file.rows) {
    return fail(Code::kCorrupt, "{} has {} rows, the manifest says {}", path.string(),
                source->rows(), file.rows);
  }
  const auto columns = columns_to_check(file.zone);
  for (size_t group = 0; group < source->groups(); ++group) {
    TRY(check_stop(stop));
    TRY(check_rows(file, TRY(source->read(group, columns))));
  }
  return {};
}

Findings check_file(const LakeDirectory& lake, const LakeFile& file, const std::stop_token& stop) {
  const auto path = lake.find(file);
  if (!path) return {path.error().message};
  Findings findings = check_bytes(file, *path);
  if (!findings.empty()) return findings;  // a file that is not ours is not decoded
  const auto content = check_content(file, *path, stop);
  if (!content) findings.push_back(content.error().message);
  return findings;
}

// ---- accounts ------------------------------------------------------------------------------

void check_accounts(const Manifest& manifest, Findings& findings) {
  std::array<uint64_t, kZoneNames.size()> rows{};
  for (const LakeFile& file : manifest.files) rows[static_cast<size_t>(file.zone)] += file.rows;
  for (size_t zone = 0; zone < rows.size(); ++zone) {
    const Account& account = manifest.accounts[zone];
    const uint64_t gone = account.duplicates + account.expired + account.forgotten;
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

using Days = std::map<int64_t, uint64_t>;  // events by day

bool comparable(const Manifest& manifest) {
  const Account& raw = manifest.accounts[static_cast<size_t>(Zone::kRaw)];
  return raw.expired == 0 && raw.forgotten == 0 && manifest.skipped == 0;
}

Result<Days> days_of_log(const VerifySource& source, const Manifest& manifest,
                         const std::stop_token& stop) {
  Days days;
  for (const Position& end : manifest.as_of) {
    if (end.stream != Stream::kEvents) continue;
    Position from = end;
    from.offset = offset_of(manifest.from, end.stream, end.partition);
    bool reached = false;
    const auto read = source.log.read(from, [&](const EventLog::Block& block) -> Status {
      TRY(check_stop(stop));
      reached = block.first.offset >= end.offset;
      if (reached) return fail(Code::kCancelled, "there is no need to read on");
      const EventBatch batch = TRY(decode_events(block.bytes, source.types));
      for (size_t i = 0; i < batch.rows.size(); ++i) {
        const uint64_t offset = block.first.offset + i;
        if (offset >= from.offset && offset < end.offset) ++days[day_of(batch.rows[i].ts.us)];
      }
      return {};
    });
    if (!read && !reached) return std::unexpected(read.error());
  }
  return days;
}

void compare_days(const Manifest& manifest, const Days& log, Findings& findings) {
  Days lake;
  for (const LakeFile& file : manifest.files) {
    if (file.zone == Zone::kRaw) lake[file.part.day] += file.rows;
  }
  if (lake == log) return;
  for (const auto& [day, count] : log) {
    const auto found = lake.find(day);
    const uint64_t there = found == lake.end() ? 0 : found->second;
    if (there == count) continue;
    findings.push_back(
        fmt::format("{}: the log has {} events, the lake {}", day_text(day), count, there));
  }
  for (const auto& [day, count] : lake) {
    if (!log.contains(day)) {
      findings.push_back(
          fmt::format("{}: the lake has {} events, the log none", day_text(day), count));
    }
  }
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
    const uint64_t seen = offset_of(status.as_of, end.stream, end.partition);
    status.behind += end.offset - std::min(seen, end.offset);
  }
  return status;
}

Result<LakeVerification> verify_lake(const VerifySource& source, ThreadPool& pool,
                                     std::stop_token stop) {
  LakeVerification found;
  const auto manifest = TRY(source.lake.current());
  if (!manifest)
    return fail(Code::kNotFound, "{}: there is no lake yet; run palate lake compact",
                source.lake.root().string());
  found.manifest = manifest->number;
  std::vector<Findings> of_files(manifest->files.size());
  TRY(pool.for_blocks(
      of_files.size(),
      [&](size_t i, size_t) { of_files[i] = check_file(source.lake, manifest->files[i], stop); },
      stop));
  for (size_t i = 0; i < of_files.size(); ++i) {
    ++found.files;
    found.rows += manifest->files[i].rows;
    found.bytes += manifest->files[i].bytes;
    std::ranges::move(of_files[i], std::back_inserter(found.findings));
  }
  check_accounts(*manifest, found.findings);
  if (comparable(*manifest)) {
    const Days days = TRY(days_of_log(source, *manifest, stop));
    for (const auto& [day, count] : days) found.log_events += count;
    compare_days(*manifest, days, found.findings);
  }
  return found;
}

}  // namespace palate::lake
