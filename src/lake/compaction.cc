#include "lake/compaction.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "base/log.h"
#include "base/stop.h"
#include "base/time.h"
#include "events/schema.h"
#include "lake/log_runs.h"
#include "lake/merge.h"
#include "lake/region.h"
#include "lake/repeats.h"
#include "lake/row_filter.h"
#include "lake/table_file.h"

namespace palate::lake {
namespace {

// What a row takes in memory while it is sorted: its columns, its texts, its keys.
constexpr uint64_t kRowBytes = 256;
// What a row of a file takes, about: only to choose which files it is merged with.
constexpr uint64_t kFileRowBytes = 16;

std::string key_check_of(const KeyedHash& hash) {
  return to_hex(hash128(hash.user("palate.lake-check").bytes()));
}

// One compaction, which owns the lock.
class Compaction {
 public:
  Compaction(const CompactionSource& source, const CompactionRoom& room, LakeWriter writer)
      : source_(source), room_(room), writer_(std::move(writer)), regions_(room.config.region_key) {
    for (const Stream stream : {Stream::kEvents, Stream::kItems, Stream::kUsers}) {
      const auto at = static_cast<size_t>(stream);
      schemas_[at] = source.schema_now ? source.schema_now(stream) : std::string(kSchemaIds[at]);
    }
  }

  Result<CompactionReport> run();
  void discard() const { writer_.discard(); }

 private:
  using Order = std::vector<uint32_t>;
  struct PartRows {
    Order raw, clean;
  };
  using Parts = std::map<Part, PartRows>;

  Status check_lake();
  Status check_clock(const RowFilter& filter) const;
  Status read_log(const RowFilter& filter);
  Status take_run(LogRun run, const RowFilter& filter);
  Status take_events(LogRun& run, const RowFilter& filter);
  Status take_records(LogRun& run, const RowFilter& filter);
  Result<Parts> part_rows(const LogRun& run, const RowFilter& filter);
  Status sort_clean(const Table& rows, Parts& parts) const;
  using FilesOfParts = std::map<std::pair<Zone, Part>, std::vector<const LakeFile*>>;
  [[nodiscard]] FilesOfParts files_of_parts() const;
  struct Fresh {
    Zone zone;
    const Part& part;
    const Table& table;
    const Order& rows;
  };
  [[nodiscard]] MergeJob job_for(const Fresh& fresh, const FilesOfParts& files) const;
  [[nodiscard]] const std::string& schema_of(Zone zone) const;
  Result<int64_t> newest_receipt() const;
  // Runs the jobs and takes over what they made; the manifest is not written yet.
  Status run_jobs(std::vector<MergeJob> jobs, const RowFilter& filter);
  Status maintain(const RowFilter& filter);
  Result<std::vector<bool>> files_with_forgotten(const RowFilter& filter) const;
  Status commit();
  void begin_next();
  [[nodiscard]] int64_t now_us() const { return palate::now().us; }

  const CompactionSource& source_;
  std::array<std::string, 3> schemas_;  // by Stream, of what is read now
  const CompactionRoom& room_;
  LakeWriter writer_;
  RegionOfContext regions_;
  Manifest next_;
  std::vector<Forgot> forgot_;  // so far, by tombstone
  size_t jobs_ = 0;             // of next_, for names
  bool changed_ = false;        // next_ differs from the current one
  CompactionReport report_;
};

Status Compaction::check_lake() {
  const auto& current = writer_.current();
  if (!current) return {};
  const std::string& root = room_.lake.root().string();
  if (current->tenant != source_.tenant.name || current->key_check != key_check_of(*source_.hash)) {
    return fail(
        Code::kConflict,
        "{}: this lake was made for tenant '{}' with another id.key; it cannot be continued "
        "here. Move it away, and the next compaction makes a new one from the log",
        root, current->tenant);
  }
  if (current->region_key != room_.config.region_key) {
    return fail(
        Code::kConflict,
        "{}: this lake is parted by region '{}', lake.region_key says '{}'; set it back, or "
        "move the lake away and let the next compaction make a new one from the log",
        root, current->region_key, room_.config.region_key);
  }
  const AsOf ends = TRY(source_.log->ends());
  for (const Position& seen : current->as_of) {
    if (seen.offset <= offset_of(ends, seen.stream, seen.partition)) continue;
    return fail(
        Code::kConflict,
        "{}: the lake has seen {}, and the log ends before that: it belongs to another log, "
        "or the log was restored from an older copy. Move the lake away, and the next "
        "compaction makes a new one",
        root, to_string(seen));
  }
  return {};
}

// Of the newest event, in the lake or in the last block of the log.
Result<int64_t> Compaction::newest_receipt() const {
  int64_t newest = next_.received_max;
  for (const Position& end : TRY(source_.log->ends())) {
    if (end.stream != Stream::kEvents || end.offset == 0) continue;
    Position last = end;
    --last.offset;
    const LogRuns one{source_, room_.pool, room_.stop, 1};
    TRY(read_runs(one, last, end.offset, [&](const LogRun& run) -> Status {
      newest = std::max(newest, std::ranges::max(run.rows.columns[event::kReceived].integers));
      return {};
    }));
  }
  return newest;
}

// A clock that is years ahead would empty the lake.
Status Compaction::check_clock(const RowFilter& filter) const {
  if (!filter.first_day()) return {};
  const int64_t newest = TRY(newest_receipt());
  if (newest == 0 || *filter.first_day() <= day_of(newest)) return {};
  return fail(Code::kConflict,
              "{}: the clock says {}, and the newest event came {}: with lake.keep_days = {} every "
              "day would go. Set the clock right; if it is, set lake.keep_days to more",
              room_.lake.root().string(), format_rfc3339({now_us()}), format_rfc3339({newest}),
              room_.config.keep_days);
}

void Compaction::begin_next() {
  if (writer_.current()) next_ = *writer_.current();
  ++next_.number;
  next_.tenant = source_.tenant.name;
  next_.key_check = key_check_of(*source_.hash);
  next_.region_key = room_.config.region_key;
  next_.forgot.clear();
  const int64_t now = now_us();
  const auto grace_us = static_cast<int64_t>(room_.config.grace_s * kSecondUs);
  const size_t before = next_.retired.size();
  // A time from the future is one from before the clock was set back.
  std::erase_if(next_.retired, [&](const RetiredFile& file) {
    return file.since_us > now || now - file.since_us >= grace_us;
  });
  changed_ = next_.retired.size() != before;
  jobs_ = 0;
}

Status Compaction::commit() {
  if (!changed_) return {};
  next_.created = format_rfc3339({now_us()});
  TRY(writer_.commit(next_));
  ++report_.manifests;
  begin_next();
  return {};
}

Result<CompactionReport> Compaction::run() {
  const auto start = std::chrono::steady_clock::now();
  TRY(check_lake());
  begin_next();
  const TombstoneFilter tombstones(TRY(read_tombstones(room_.lake.root())));
  for (size_t i = 0; i < tombstones.size(); ++i) forgot_.push_back(tombstones.describe(i));
  const RowFilter filter(room_.config, tombstones, now_us());
  TRY(check_clock(filter));
  if (filter.forgets() && !next_.retired.empty()) {  // they may hold rows of who was forgotten
    next_.retired.clear();
    changed_ = true;
  }
  TRY(read_log(filter));
  TRY(maintain(filter));
  report_.manifest = writer_.current() ? writer_.current()->number : 0;
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report_;
}

Status Compaction::read_log(const RowFilter& filter) {
  const auto rows_max =
      static_cast<size_t>((static_cast<uint64_t>(room_.config.memory_mib) << 20) / kRowBytes);
  const LogRuns runs{source_, room_.pool, room_.stop, rows_max};
  AsOf ends = TRY(source_.log->ends());
  // Events last: each manifest has the items that its events name.
  std::ranges::stable_partition(ends,
                                [](const Position& end) { return end.stream != Stream::kEvents; });
  for (const Position& end : ends) {
    Position from = end;
    from.offset = offset_of(next_.as_of, end.stream, end.partition);
    TRY(read_runs(runs, from, end.offset,
                  [&](LogRun run) { return take_run(std::move(run), filter); }));
  }
  return {};
}

Status Compaction::take_run(LogRun run, const RowFilter& filter) {
  const uint64_t seen = offset_of(next_.as_of, run.first.stream, run.first.partition);
  if (run.first.offset > seen) {
    log_warning("the log no longer has {} records before {}: the lake goes on without them",
                run.first.offset - seen, to_string(run.first));
    next_.skipped += run.first.offset - seen;
  }
  const bool is_first = std::ranges::none_of(next_.from, [&](const Position& from) {
    return from.stream == run.first.stream && from.partition == run.first.partition;
  });
  if (is_first) set_offset(next_.from, run.first);
  TRY(run.zone == Zone::kRaw ? take_events(run, filter) : take_records(run, filter));
  set_offset(next_.as_of, run.end);
  changed_ = true;
  return commit();
}

Status Compaction::take_records(LogRun& run, const RowFilter& filter) {
  Order rows;
  Removed removed;
  for (uint32_t row = 0; row < run.rows.rows; ++row) {
    if (!filter.removes(run.zone, run.rows, row, removed)) rows.push_back(row);
  }
  Account& account = next_.accounts[static_cast<size_t>(run.zone)];
  account.read += run.rows.rows;
  account.forgotten += removed.forgotten_total();
  (run.zone == Zone::kItems ? report_.items : report_.users) += run.rows.rows;
  if (rows.empty()) return {};
  return run_jobs({job_for({run.zone, Part(), run.rows, rows}, files_of_parts())}, filter);
}

Status Compaction::take_events(LogRun& run, const RowFilter& filter) {
  Parts parts = TRY(part_rows(run, filter));
  TRY(sort_clean(run.rows, parts));
  const FilesOfParts files = files_of_parts();
  std::vector<MergeJob> jobs;
  for (const auto& [part, rows] : parts) {
    jobs.push_back(job_for({Zone::kRaw, part, run.rows, rows.raw}, files));
    if (rows.clean.empty()) continue;
    jobs.push_back(job_for({Zone::kClean, part, run.rows, rows.clean}, files));
  }
  report_.events += run.rows.rows;
  return run_jobs(std::move(jobs), filter);
}

// The rows of each part in order of the log; for clean without repeats.
Result<Compaction::Parts> Compaction::part_rows(const LogRun& run, const RowFilter& filter) {
  std::vector<const LakeFile*> clean;
  for (const LakeFile& file : next_.files) {
    if (file.zone == Zone::kClean) clean.push_back(&file);
  }
  const auto repeats = TRY(find_repeats({&run.rows, &room_.lake, clean, room_.config.dedup_days},
                                        room_.pool, room_.stop));
  Parts parts;
  Removed removed;
  auto last = parts.end();
  Account& raw = next_.accounts[static_cast<size_t>(Zone::kRaw)];
  Account& account = next_.accounts[static_cast<size_t>(Zone::kClean)];
  for (uint32_t row = 0; row < run.rows.rows; ++row) {
    next_.received_max =
        std::max(next_.received_max, run.rows.columns[event::kReceived].integers[row]);
    if (filter.removes(Zone::kRaw, run.rows, row, removed)) continue;
    Part part{day_of(run.rows.columns[event::kTs].integers[row]),
              regions_.find(run.rows.columns[event::kContext].texts[row])};
    if (last == parts.end() || last->first != part) last = parts.try_emplace(std::move(part)).first;
    last->second.raw.push_back(row);
    if (repeats[row]) ++account.duplicates, ++report_.duplicates;
    if (!repeats[row]) last->second.clean.push_back(row);
  }
  for (Account* one : {&raw, &account}) {
    one->read += run.rows.rows;
    one->expired += removed.expired;
    one->forgotten += removed.forgotten_total();
  }
  report_.expired += removed.expired;
  return parts;
}

Status Compaction::sort_clean(const Table& rows, Parts& parts) const {
  std::vector<Order*> orders;
  for (auto& [part, of_part] : parts) orders.push_back(&of_part.clean);
  return room_.pool.for_blocks(
      orders.size(),
      [&](size_t i, size_t) {
        std::ranges::sort(*orders[i], [&](uint32_t a, uint32_t b) {
          return compare_rows(Zone::kClean, {&rows, a}, {&rows, b}) < 0;
        });
      },
      room_.stop);
}

const std::string& Compaction::schema_of(Zone zone) const {
  const Stream stream = zone == Zone::kItems   ? Stream::kItems
                        : zone == Zone::kUsers ? Stream::kUsers
                                               : Stream::kEvents;
  return schemas_[static_cast<size_t>(stream)];
}

// Only those of today's schemas: a file has one.
Compaction::FilesOfParts Compaction::files_of_parts() const {
  FilesOfParts files;
  for (const LakeFile& file : next_.files) {
    if (file.schema == schema_of(file.zone)) files[{file.zone, file.part}].push_back(&file);
  }
  return files;
}

MergeJob Compaction::job_for(const Fresh& fresh, const FilesOfParts& files) const {
  const auto of_part = files.find({fresh.zone, fresh.part});
  const auto target = static_cast<uint64_t>(room_.config.target_mib) << 20;
  MergeJob job;
  if (of_part != files.end()) {
    job.inputs = files_to_merge(of_part->second, fresh.rows.size() * kFileRowBytes, target);
  }
  job.fresh = &fresh.table;
  job.chosen = fresh.rows;
  job.target = {.lake = &room_.lake,
                .zone = fresh.zone,
                .part = fresh.part,
                .regions = !next_.region_key.empty(),
                .schema = schema_of(fresh.zone),
                .name = {},
                .bytes_max = target};
  return job;
}

Status Compaction::run_jobs(std::vector<MergeJob> jobs, const RowFilter& filter) {
  for (MergeJob& job : jobs) {
    job.target.name = fmt::format("part-{:06}-{:05}", next_.number, jobs_++);
  }
  std::vector<Result<Merged>> done(jobs.size());
  TRY(room_.pool.for_blocks(
      jobs.size(), [&](size_t i, size_t) { done[i] = merge(jobs[i], filter, room_.stop); },
      room_.stop));
  // Jobs point at files of next_.files, which the taking over changes: last come the changes.
  std::vector<LakeFile> files;
  std::map<std::string, bool> replaced;  // path -> whether it goes at once
  for (size_t i = 0; i < jobs.size(); ++i) {
    const Merged merged = TRY(std::move(done[i]));
    Account& account = next_.accounts[static_cast<size_t>(jobs[i].target.zone)];
    account.expired += merged.removed.expired;
    account.forgotten += merged.removed.forgotten_total();
    report_.expired += merged.removed.expired;
    for (size_t t = 0; t < merged.removed.forgotten.size(); ++t) {
      forgot_[t].rows[static_cast<size_t>(jobs[i].target.zone)] += merged.removed.forgotten[t];
      report_.forgotten += merged.removed.forgotten[t];
    }
    const bool at_once = merged.removed.forgotten_total() + merged.removed.expired > 0;
    for (const LakeFile* file : jobs[i].inputs) replaced[file->path] = at_once;
    for (const LakeFile& file : merged.files) {
      ++report_.files_written;
      report_.bytes_written += file.bytes;
      files.push_back(file);
    }
  }
  report_.files_replaced += replaced.size();
  for (const auto& [path, at_once] : replaced) {
    if (!at_once) next_.retired.push_back({path, now_us()});
  }
  std::erase_if(next_.files, [&](const LakeFile& file) { return replaced.contains(file.path); });
  next_.files.insert(next_.files.end(), files.begin(), files.end());
  changed_ = true;
  return {};
}

// Which files hold rows of forgotten users.
Result<std::vector<bool>> Compaction::files_with_forgotten(const RowFilter& filter) const {
  std::vector<Result<bool>> found(next_.files.size(), Result<bool>(false));
  const auto look = [&](const LakeFile& file) -> Result<bool> {
    const auto column = user_column(file.zone);
    if (!column) return false;
    const auto [partition, offset] = position_columns(file.zone);
    const std::array wanted{*column, partition, offset};
    auto source = TRY(open_table(TRY(room_.lake.find(file)), columns_of(file.zone)));
    for (size_t group = 0; group < source->groups(); ++group) {
      TRY(check_stop(room_.stop));
      const Table rows = TRY(source->read(group, wanted));
      for (size_t row = 0; row < rows.rows; ++row) {
        if (filter.tombstones().find(file.zone, rows, row) >= 0) return true;
      }
    }
    return false;
  };
  if (filter.forgets()) {
    TRY(room_.pool.for_blocks(
        found.size(), [&](size_t i, size_t) { found[i] = look(next_.files[i]); }, room_.stop));
  }
  std::vector<bool> holds;
  for (const auto& one : found) {
    if (!one) return std::unexpected(one.error());
    holds.push_back(*one);
  }
  return holds;
}

// Rewrites files that hold what must go, and removes days that are too old.
Status Compaction::maintain(const RowFilter& filter) {
  const auto holds = TRY(files_with_forgotten(filter));
  std::vector<MergeJob> jobs;
  for (size_t i = 0; i < next_.files.size(); ++i) {
    const LakeFile& file = next_.files[i];
    if (!holds[i] && !filter.may_expire(file)) continue;
    MergeJob job;
    job.inputs = {&file};
    job.target = {.lake = &room_.lake,
                  .zone = file.zone,
                  .part = file.part,
                  .regions = !next_.region_key.empty(),
                  .schema = file.schema,
                  .name = {},
                  .bytes_max = UINT64_MAX};
    jobs.push_back(std::move(job));
  }
  if (!jobs.empty()) TRY(run_jobs(std::move(jobs), filter));
  next_.forgot = forgot_;
  changed_ = changed_ || !forgot_.empty();
  return commit();
}

}  // namespace

CompactionSource source_of(const EventLog& log, const EventTypes& types, const KeyedHash& hash,
                           const Tenant& tenant) {
  return {&log, &types, &hash, tenant};
}

Result<CompactionReport> compact(const CompactionSource& source, const CompactionRoom& room) {
  TRY(tables_ready());
  Compaction compaction(source, room, TRY(LakeWriter::open(room.lake)));
  auto report = compaction.run();
  if (!report) compaction.discard();
  return report;
}

}  // namespace palate::lake
