#include "ingest/import.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <unistd.h>
#include <utility>

#include "base/hash.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/threads.h"
#include "events/limits.h"
#include "events/quarantine.h"
#include "ingest/import_source.h"
#include "ingest/ordered_blocks.h"
#include "ingest/patient_writer.h"
#include "ingest/time_sorter.h"

namespace palate {
namespace {

constexpr size_t kRecordsAtOnce = 10'000;
// Of blocks that are handed to the log at once: it is synced once for each.
constexpr size_t kSubmitBytes = size_t{4} << 20;

using Clock = std::chrono::steady_clock;

QuarantineOptions quarantine_options(const DataDirectory& directory, std::string source) {
  QuarantineOptions options;
  options.folder = directory.root() / "quarantine";
  options.source = std::move(source);
  return options;
}

RejectSink sink_of(Quarantine& quarantine, const ImportOptions& options) {
  if (!options.origin) return quarantine.sink();
  return [&quarantine, &options](Reject reject) {
    options.origin(reject);
    return quarantine.add(reject);
  };
}

Status report(Quarantine& quarantine, ImportSummary& summary) {
  TRY(quarantine.finish());
  for (const Quarantine::Count& count : quarantine.counts()) {
    summary.rejected[std::string(reason_info(count.reason).code)] = count.rows;
  }
  summary.rows += quarantine.total();
  if (quarantine.path()) summary.quarantine = *quarantine.path();
  return {};
}

// Adds up the writer's answers, which come on its thread and may outlive an import that failed.
class Answers {
 public:
  void expect() {
    const std::lock_guard lock(mutex_);
    ++open_;
  }
  void take(const Result<IngestReceipt>& receipt) {
    const std::lock_guard lock(mutex_);
    --open_;
    if (receipt) {
      accepted_ += receipt->accepted;
      duplicates_ += receipt->duplicates;
    } else if (status_) {
      status_ = std::unexpected(receipt.error());
    }
    answered_.notify_all();
  }
  Status status() {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  Status wait_for_all(ImportSummary& summary) {
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [&] { return open_ == 0; });
    summary.accepted += accepted_;
    summary.duplicates += duplicates_;
    return status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable answered_;
  size_t open_ = 0;
  uint64_t accepted_ = 0, duplicates_ = 0;
  Status status_;
};

// A name that remove_leftovers() knows.
Path spill_path(const Path& root) {
  return root / (".sort.tmp-" + std::to_string(::getpid()) + "-0");
}

bool has_client_ids(const EventBatch& batch) {
  return std::ranges::any_of(batch.rows,
                             [](const EventView& row) { return !row.event_id.empty(); });
}

// The way of events from reader to writer. Rows with real time are held as
// blocks until all are read; when one goes back in time, everything goes
// through the sorter instead.
class EventImport {
 public:
  EventImport(const ImportOptions& options, DataDirectory& directory)
      : options_(options),
        directory_(directory),
        quarantine_(quarantine_options(directory, "events")),
        sorter_(*options.types, pool_,
                {.bytes_max = options.sort_bytes_max, .spill = spill_path(directory.root())}),
        held_(*options.types, directory.state().catalogue(), pool_),
        ready_(*options.types, directory.state().catalogue(), pool_) {}

  // Only rows of one file are known to differ from each other, and only from an
  // empty log.
  Status begin(size_t files) {
    bool empty = true;
    for (const Position& end : TRY(directory_.log().ends())) {
      if (end.stream == Stream::kEvents && end.offset > 0) empty = false;
    }
    if (empty && files == 1) source_ = directory_.ingest().new_source();
    return {};
  }

  Status add_file(const ImportFile& file) {
    ImportSource source{.digest = TRY(source_digest(file.path, file.mapping)),
                        .name = file.path.filename().string()};
    const auto before = options_.again ? std::nullopt : TRY(find_source(directory_, source.digest));
    if (before && before->complete) {
      ++summary_.sources_known;
      summary_.rows += before->rows;
      summary_.duplicates += before->rows;
      summary_.time = std::min(summary_.time, before->time);
      return {};
    }
    ReaderOptions reading = options_.reader;
    reading.contract = directory_.contract();
    const std::string fact = profiles_fact(source.name);
    auto profiles = TRY(earlier_profiles(fact));
    if (options_.screen && TRY(screen(file, source, reading, profiles))) return {};
    EventReader reader = TRY(open_events(file.path, file.mapping, *options_.types, reading));
    source.time = reader.info().time;
    summary_.time = std::min(summary_.time, source.time);
    if (!options_.again) TRY(remember_source(directory_, source));
    const uint64_t refused = quarantine_.total();
    profile_ = {};
    TRY(read(reader, source));
    profile_.refused = quarantine_.total() - refused;
    profile_.rows += profile_.refused;
    profiles.push_back(profile_);
    if (profiles.size() > kProfilesKept) profiles.erase(profiles.begin());
    if (!options_.again) learnt_.emplace_back(fact, to_json(profiles));
    summary_.rows += source.rows;
    sources_.push_back(std::move(source));
    return {};
  }

  Status finish() {
    TRY(sorter_.merge([&](EventBatch batch) { return log_in_order(std::move(batch)); }));
    TRY(submit(TRY(ready_.take_all())));
    return submit(TRY(held_.take_all()));
  }
  // Also after an error: nothing may refer to this object when it goes.
  Status settle() { return answers_->wait_for_all(summary_); }

  // A file of which nothing could be used is not remembered as read: the next import says so again.
  Result<ImportSummary> summary() {
    for (ImportSource& source : sources_) {
      if (source.rows == 0 || options_.again) continue;
      source.complete = true;
      TRY(remember_source(directory_, source));
    }
    for (const auto& [fact, profiles] : learnt_) TRY(directory_.put_meta(fact, profiles));
    TRY(report(quarantine_, summary_));
    return summary_;
  }

 private:
  // Files of one source have one fact, however many there are.
  static std::string profiles_fact(const std::string& file_name) {
    return fmt::format("batches/{:016x}", hash64(source_of(file_name)));
  }

  [[nodiscard]] Result<std::vector<BatchProfile>> earlier_profiles(const std::string& fact) const {
    const auto facts = TRY(directory_.meta(fact));
    if (facts.empty()) return std::vector<BatchProfile>();
    return profiles_from_json(facts.front().second);
  }

  // True: the file is set aside. Where nothing is known of the source, only its beginning is read.
  Result<bool> screen(const ImportFile& file, const ImportSource& source,
                      const ReaderOptions& reading, std::span<const BatchProfile> before) {
    constexpr uint64_t kBeginningRows = 100'000;
    const uint64_t rows_max =
        before.size() < kBatchesToJudge ? kBeginningRows : std::numeric_limits<uint64_t>::max();
    EventReader reader = TRY(open_events(file.path, file.mapping, *options_.types, reading));
    SetAside batch{.id = "",
                   .path = file.path,
                   .digest = source.digest,
                   .mapping = file.mapping,
                   .profile = {},
                   .reasons = {}};
    const RejectSink count = [&batch](const Reject&) -> Status {
      ++batch.profile.refused;
      ++batch.profile.rows;
      return {};
    };
    EventBatch rows;
    while (batch.profile.rows < rows_max && TRY(reader.next(rows, count))) {
      TRY(check_stop(options_.stop));
      batch.profile.add(rows.rows, *options_.types);
    }
    batch.reasons = judge_batch(batch.profile, before, *options_.screen);
    if (batch.reasons.empty()) return false;
    TRY(set_aside(directory_.root(), batch));
    summary_.set_aside.push_back(std::move(batch));
    return true;
  }

  Status read(EventReader& reader, ImportSource& source) {
    Progress progress("importing " + source.name, reader.info().bytes, "bytes");
    quarantine_.read_as(RecordKind::kEvents, reader.recipe());
    const RejectSink sink = sink_of(quarantine_, options_);
    EventBatch batch;
    uint64_t bytes = 0;
    reader.wish_encoded(in_order_ || source.time != TimeKind::kReal, source_ == 0);
    while (TRY(reader.next(batch, sink))) {
      TRY(check_stop(options_.stop));
      TRY(answers_->status());
      source.rows += batch.rows.size();
      profile_.add(batch.rows, *options_.types);
      if (source.rows > kOccurrenceRows || has_client_ids(batch)) source_ = 0;
      if (source.time != TimeKind::kReal) {
        TRY(ready_.add(encoded_rows(reader, batch), source_));
        TRY(submit_ready());
      } else if (in_order_ && ascends(batch)) {
        TRY(hold(encoded_rows(reader, batch), batch.rows.back().ts));
      } else {
        reader.wish_encoded(false, false);
        TRY(sort(std::exchange(batch, {})));
      }
      progress.add(reader.bytes_read() - bytes);
      bytes = reader.bytes_read();
    }
    return {};
  }

  // As the reader has made them, with what came to be wanted while it was at work.
  EncodedRows encoded_rows(EventReader& reader, const EventBatch& batch) const {
    EncodedRows rows = reader.take_encoded();
    if (source_ == 0 && rows.identities.empty()) {
      rows.identities = identities_of(batch.rows, *options_.types);
      reader.wish_encoded(true, true);
    }
    return rows;
  }

  Status hold(EncodedRows rows, TimeUs newest) {
    newest_ = newest;
    TRY(held_.add(std::move(rows), source_));
    return held_.bytes() > options_.sort_bytes_max ? sort_held() : Status();
  }

  // What is held becomes a run of the sorter, which may keep it on disk.
  Status sort_held() {
    in_order_ = false;
    std::vector<EncodedBlock> run;
    for (PreparedEvents& events : TRY(held_.take_all())) {
      std::ranges::move(events.blocks, std::back_inserter(run));
    }
    return sorter_.add_run(std::move(run));
  }

  // From the first row on that goes back in time.
  Status sort(EventBatch batch) {
    if (in_order_) TRY(sort_held());
    return sorter_.add(std::move(batch));
  }

  [[nodiscard]] bool ascends(const EventBatch& batch) const {
    return batch.rows.front().ts >= newest_ &&
           std::ranges::is_sorted(batch.rows, {}, &EventView::ts);
  }

  Status log_in_order(EventBatch batch) {
    TRY(ready_.add(std::move(batch), source_));
    return submit_ready();
  }

  Status submit_ready() {
    return ready_.bytes() < kSubmitBytes ? Status() : submit(ready_.take_encoded());
  }

  Status submit(std::vector<PreparedEvents> all) {
    for (PreparedEvents& events : all) {
      TRY(check_stop(options_.stop));
      TRY(answers_->status());
      answers_->expect();
      if (options_.intake != nullptr) {
        answers_->take(send(events));
        continue;
      }
      const Status queued = directory_.ingest().submit_prepared(
          std::move(events),
          [answers = answers_](const Result<IngestReceipt>& receipt) { answers->take(receipt); });
      if (!queued) answers_->take(std::unexpected(queued.error()));
    }
    return {};
  }

  // Waits for the answer: what comes later must not overtake it.
  Result<IngestReceipt> send(PreparedEvents& events) {
    TRY(complete(events, *options_.types));
    return PatientWriter(*options_.intake, options_.stop).events(events.batch);
  }

  const ImportOptions& options_;
  DataDirectory& directory_;
  Quarantine quarantine_;
  ThreadPool pool_;
  TimeSorter sorter_;
  OrderedBlocks held_;   // with real time, as long as none goes back
  OrderedBlocks ready_;  // to be logged as soon as they are encoded
  bool in_order_ = true;
  TimeUs newest_{std::numeric_limits<int64_t>::min()};
  uint64_t source_ = 0;  // PreparedEvents::source of what is read now
  std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
  std::vector<ImportSource> sources_;
  BatchProfile profile_;                                     // of what is read now
  std::vector<std::pair<std::string, std::string>> learnt_;  // facts about usual batches
  ImportSummary summary_;
};

bool unchanged(const Catalogue& items, const ItemRecord& item) {
  const Catalogue::View view = items.view();
  const auto ix = view.find(item.id);
  return ix && to_json(view.record(*ix)) == to_json(item);
}

// Records of one file, less those that would change nothing.
template <class Record>
struct RecordWay {
  RecordKind kind;
  std::function<Result<Reader<std::vector<Record>>>(const ImportFile&)> open;
  std::function<Result<bool>(const Record&)> unchanged;
  std::function<Result<IngestReceipt>(std::vector<Record>)> write;
};

template <class Record>
Status import_file(const ImportFile& file, const RecordWay<Record>& way, Quarantine& quarantine,
                   std::pair<ImportSummary&, const ImportOptions&> run) {
  auto& [summary, options] = run;
  auto reader = TRY(way.open(file));
  Progress progress("importing " + file.path.filename().string(), reader.info().bytes, "bytes");
  quarantine.read_as(way.kind, reader.recipe());
  const RejectSink sink = sink_of(quarantine, options);
  std::vector<Record> batch, changed;
  uint64_t bytes = 0;
  const auto write = [&]() -> Status {
    if (changed.empty()) return {};
    summary.accepted += TRY(way.write(std::exchange(changed, {}))).accepted;
    return {};
  };
  while (TRY(reader.next(batch, sink))) {
    TRY(check_stop(options.stop));
    summary.rows += batch.size();
    for (Record& record : batch) {
      if (TRY(way.unchanged(record))) {
        ++summary.duplicates;
        continue;
      }
      changed.push_back(std::move(record));
      if (changed.size() >= kRecordsAtOnce) TRY(write());
    }
    progress.add(reader.bytes_read() - bytes);
    bytes = reader.bytes_read();
  }
  return write();
}

template <class Record>
Result<ImportSummary> import_records(std::span<const ImportFile> files,
                                     const RecordWay<Record>& way, Quarantine quarantine,
                                     const ImportOptions& options) {
  const auto start = Clock::now();
  ImportSummary summary;
  for (const ImportFile& file : files) {
    const Status imported = import_file<Record>(file, way, quarantine, {summary, options});
    if (!imported) {
      static_cast<void>(quarantine.finish());
      return std::unexpected(imported.error());
    }
  }
  TRY(report(quarantine, summary));
  summary.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return summary;
}

}  // namespace

uint64_t ImportSummary::rejected_total() const {
  uint64_t total = 0;
  for (const auto& [reason, count] : rejected) total += count;
  return total;
}

double ImportSummary::rows_per_s() const {
  return seconds > 0 ? static_cast<double>(rows) / seconds : 0;
}

Result<ImportSummary> import_events(std::span<const ImportFile> files, const ImportOptions& options,
                                    DataDirectory& directory) {
  const auto start = Clock::now();
  EventImport import(options, directory);
  directory.ingest().defer_fold();
  auto read = start;
  const auto read_all = [&]() -> Status {
    TRY(import.begin(files.size()));
    for (const ImportFile& file : files) TRY(import.add_file(file));
    read = Clock::now();
    return import.finish();
  };
  Status imported = read_all();
  Status settled = import.settle();
  // What is logged is folded even when the rest failed; only a stop leaves it for the next opening.
  const auto logged = Clock::now();
  Status folded = directory.ingest().fold_deferred(options.stop);
  TRY(std::move(imported));
  TRY(std::move(settled));
  TRY(std::move(folded));
  ImportSummary summary = TRY(import.summary());
  summary.read_seconds = std::chrono::duration<double>(read - start).count();
  summary.log_seconds = std::chrono::duration<double>(logged - read).count();
  summary.fold_seconds = std::chrono::duration<double>(Clock::now() - logged).count();
  summary.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return summary;
}

Result<ImportSummary> import_items(std::span<const ImportFile> files, const ImportOptions& options,
                                   DataDirectory& directory) {
  ReaderOptions reading = options.reader;
  reading.contract = directory.contract();
  const RecordWay<ItemRecord> way{
      .kind = RecordKind::kItems,
      .open = [&](const ImportFile& f) { return open_items(f.path, f.mapping, reading); },
      .unchanged = [&](const ItemRecord& item) -> Result<bool> {
        return unchanged(directory.state().catalogue(), item);
      },
      .write =
          [&](std::vector<ItemRecord> some) {
            if (options.intake == nullptr) return directory.ingest().write_items(std::move(some));
            return PatientWriter(*options.intake, options.stop).items(some);
          }};
  return import_records(files, way, Quarantine(quarantine_options(directory, "items")), options);
}

Result<ImportSummary> import_users(std::span<const ImportFile> files, const ImportOptions& options,
                                   DataDirectory& directory) {
  ReaderOptions reading = options.reader;
  reading.contract = directory.contract();
  const RecordWay<UserRecord> way{
      .kind = RecordKind::kUsers,
      .open = [&](const ImportFile& f) { return open_users(f.path, f.mapping, reading); },
      .unchanged = [&](const UserRecord& user) -> Result<bool> {
        const auto state = TRY(directory.state().user(user.id));
        return state && state->has_profile && to_json(state->profile) == to_json(user);
      },
      .write =
          [&](std::vector<UserRecord> some) {
            if (options.intake == nullptr) return directory.ingest().write_users(std::move(some));
            return PatientWriter(*options.intake, options.stop).users(some);
          }};
  return import_records(files, way, Quarantine(quarantine_options(directory, "users")), options);
}

Result<TimeKind> weakest_time(const DataDirectory& directory) {
  TimeKind weakest = TimeKind::kReal;
  for (const ImportSource& source : TRY(imported_sources(directory))) {
    weakest = std::min(weakest, source.time);
  }
  return weakest;
}

}  // namespace palate
