#include "lake/compaction.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <new>
#include <optional>
#include <span>

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

// What a row of a file takes, about: only to choose which files it is merged with.
constexpr uint64_t kFileRowBytes = 16;

std::string key_check_of(const KeyedHash& hash) {
  return to_hex(hash128(hash.user("palate.lake-check").bytes()));
}

// What to do where a lake cannot be continued, and what that would cost: the log may have dropped
// what the lake has read.
Result<std::string> made_anew(const EventLog& log) {
  std::vector<std::string> begins;
  for (const Position& begin : TRY(log.begins())) begins.push_back(to_string(begin));
  if (begins.empty()) {
    return "Move the lake away, and the next compaction makes a new one from the log, which has "
           "everything";
  }
  return fmt::format(
      "The log begins at {}: what was before is in this lake alone, and a new one will not have "
      "it. If that may be, move the lake away, keep it, and the next compaction makes a new one",
      fmt::join(begins, ", "));
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
  Status check_clock() const;
  Status take_batch(std::span<const StoredTombstone> batch, bool with_log);
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
        "here. {}",
        root, current->tenant, TRY(made_anew(*source_.log)));
  }
  if (current->region_key != room_.config.region_key) {
    return fail(
        Code::kConflict,
        "{}: this lake is parted by region '{}', lake.region_key says '{}'; set it back. Or: {}",
        root, current->region_key, room_.config.region_key, TRY(made_anew(*source_.log)));
  }
  const AsOf ends = TRY(source_.log->ends());
  for (const Position& seen : current->as_of) {
    if (seen.offset <= offset_of(ends, seen.stream, seen.partition)) continue;
    return fail(
        Code::kConflict,
        "{}: the lake has seen {}, and the log ends before that: it belongs to another log, "
        "or the log was restored from an older copy. {}",
        root, to_string(seen), TRY(made_anew(*source_.log)));
  }
  return {};
}

// Of the newest event, in the lake or at the end of the log. There may lie those of forgotten
// users, which nobody is shown: then further back, in steps that grow.
Result<int64_t> Compaction::newest_receipt() const {
  constexpr uint64_t kStepGrows = 64;
  int64_t newest = next_.received_max;
  for (const Position& end : TRY(source_.log->ends())) {
    if (end.stream != Stream::kEvents || end.offset == 0) continue;
    bool found = false;
    for (uint64_t step = 1; !found; step *= kStepGrows) {
      Position from = end;
      from.offset -= std::min(step, end.offset);
      const LogRuns few{source_, room_.pool, room_.stop, kRowBytes};
      TRY(read_runs(few, from, end.offset, [&](const LogRun& run) -> Status {
        for (const int64_t received : run.rows.columns[event::kReceived].integers) {
          newest = std::max(newest, received);
          found = true;
        }
        return {};
      }));
      if (from.offset == 0) break;
    }
  }
  return newest;
}

// A clock that is years ahead would empty the lake, or take all events of a type.
Status Compaction::check_clock() const {
  // A type that is kept for a day is not worth a refusal after a quiet weekend.
  constexpr int64_t kQuietDays = 7;
  int64_t days = room_.config.keep_days;
  std::string setting = "lake.keep_days", what = "every day";
  for (const auto& [type, keep] : room_.config.keep_days_of) {
    const int64_t wanted = std::max(keep, kQuietDays);
    if (keep == 0 || (days != 0 && days <= wanted)) continue;
    days = wanted;
    setting = fmt::format("[lake.types.{}] keep_days", type);
    what = "every event of the type";
  }
  if (days == 0) return {};
  const int64_t now = now_us(), newest = TRY(newest_receipt());
  if (newest == 0 || day_of(now) - days <= day_of(newest)) return {};
  return fail(Code::kConflict,
              "{}: the clock says {}, and the newest event came {}: by {} {} would go. Set the "
              "clock right; if it is, set that to more",
              room_.lake.root().string(), format_rfc3339({now}), format_rfc3339({newest}), setting,
              what);
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
  if (source_.look_again) TRY(source_.look_again());
  TRY(check_lake());
  begin_next();
  TRY(check_clock());
  const auto waiting = TRY(read_tombstones(room_.lake.root()));
  const size_t at_once = std::max<size_t>(room_.tombstones_at_once, 1);
  for (size_t done = 0; done == 0 || done < waiting.size(); done += at_once) {
    const size_t count = std::min(at_once, waiting.size() - done);
    TRY(take_batch(std::span(waiting).subspan(done, count), done == 0));
  }
  report_.manifest = writer_.current() ? writer_.current()->number : 0;
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report_;
}

// Forgets these users; and takes in the log, which is the same for all batches, once.
Status Compaction::take_batch(std::span<const StoredTombstone> batch, bool with_log) {
  const TombstoneFilter tombstones(batch);
  forgot_.clear();
  for (size_t i = 0; i < tombstones.size(); ++i) forgot_.push_back(tombstones.describe(i));
  const RowFilter filter(room_.config, tombstones, now_us());
  if (filter.forgets() && !next_.retired.empty()) {  // they may hold rows of who was forgotten
    next_.retired.clear();
    changed_ = true;
  }
  if (with_log) TRY(read_log(filter));
  return maintain(filter);
}

Status Compaction::read_log(const RowFilter& filter) {
  // Two runs at a time: one is written, the next is read.
  const LogRuns runs{source_, room_.pool, room_.stop,
                     (static_cast<uint64_t>(room_.config.memory_mib) << 20) / 2};
  AsOf ends = TRY(source_.log->ends());
  std::erase_if(ends, [](const Position& end) { return end.stream == Stream::kDecisions; });
  // Events last: each manifest has the items that its events name.
  std::ranges::stable_partition(ends,
                                [](const Position& end) { return end.stream != Stream::kEvents; });
  std::vector<LogRange> ranges;
  for (const Position& end : ends) {
    Position from = end;
    from.offset = offset_of(next_.as_of, end.stream, end.partition);
    ranges.push_back({from, end.offset});
  }
  return read_runs_ahead(runs, ranges,
                         [&](LogRun run) { return take_run(std::move(run), filter); });
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
  account.read += run.rows.rows + run.erased;
  account.erased += run.erased;
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
  // First who goes: what is not there repeats nothing.
  Removed removed;
  Order stay;
  for (uint32_t row = 0; row < run.rows.rows; ++row) {
    if (!filter.removes(Zone::kRaw, run.rows, row, removed)) stay.push_back(row);
  }
  const auto repeats = TRY(find_repeats(
      {&run.rows, stay, &room_.lake, clean, room_.config.dedup_days}, room_.pool, room_.stop));
  for (const int64_t received : run.rows.columns[event::kReceived].integers) {
    next_.received_max = std::max(next_.received_max, received);
  }
  Parts parts;
  auto last = parts.end();
  Account& raw = next_.accounts[static_cast<size_t>(Zone::kRaw)];
  Account& account = next_.accounts[static_cast<size_t>(Zone::kClean)];
  for (const uint32_t row : stay) {
    Part part{day_of(run.rows.columns[event::kTs].integers[row]),
              regions_.find(run.rows.columns[event::kContext].texts[row])};
    if (last == parts.end() || last->first != part) last = parts.try_emplace(std::move(part)).first;
    last->second.raw.push_back(row);
    if (repeats[row]) ++account.duplicates, ++report_.duplicates;
    if (!repeats[row]) last->second.clean.push_back(row);
  }
  for (Account* one : {&raw, &account}) {
    one->read += run.rows.rows + run.erased;
    one->erased += run.erased;
    one->expired += removed.expired;
    one->forgotten += removed.forgotten_total();
  }
  report_.expired += removed.expired;
  return parts;
}

Status Compaction::sort_clean(const Table& rows, Parts& parts) const {
  // The zone's order with its keys side by side. A run is of one partition and in order of the log,
  // so a row's number stands for its position.
  struct Key {
    Hash128 user;
    int64_t ts;
    uint32_t row;
    auto operator<=>(const Key&) const = default;
  };
  const auto& users = rows.columns[event::kUser].ids;
  const auto& times = rows.columns[event::kTs].integers;
  std::vector<Order*> orders;
  for (auto& [part, of_part] : parts) orders.push_back(&of_part.clean);
  return room_.pool.for_blocks(
      orders.size(),
      [&](size_t i, size_t) {
        std::vector<Key> keys;
        keys.reserve(orders[i]->size());
        for (const uint32_t row : *orders[i]) keys.push_back({users[row], times[row], row});
        std::ranges::sort(keys);
        std::ranges::transform(keys, orders[i]->begin(), &Key::row);
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
    for (const auto& [place, rows] : merged.removed.forgotten) {
      forgot_[place].rows[static_cast<size_t>(jobs[i].target.zone)] += rows;
      report_.forgotten += rows;
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
    const std::array users{*column};
    const std::array wanted{*column, partition, offset};
    auto source = TRY(open_table(TRY(room_.lake.open(file)), columns_of(file.zone)));
    for (size_t group = 0; group < source->groups(); ++group) {
      TRY(check_stop(room_.stop));
      // Most groups hold nobody of them, whatever the position.
      const Table who = TRY(source->read(group, users));
      const bool known = std::ranges::any_of(who.columns[*column].ids, [&](const Hash128& id) {
        return filter.tombstones().knows(id);
      });
      if (!known) continue;
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
  auto writer = LakeWriter::open(room.lake);
  if (!writer && writer.error().code == Code::kCorrupt) {
    return fail(Code::kCorrupt, "{}. {}", writer.error().message, TRY(made_anew(*source.log)));
  }
  if (!writer) return std::unexpected(writer.error());
  Compaction compaction(source, room, std::move(*writer));
  const auto run = [&]() -> Result<CompactionReport> {
    try {
      return compaction.run();
    } catch (const std::bad_alloc&) {
      return fail(Code::kNoMemory,
                  "{}: there is not enough memory to compact; set lake.memory_mib to less",
                  room.lake.root().string());
    }
  };
  auto report = run();
  if (!report) compaction.discard();
  return report;
}

}  // namespace palate::lake
