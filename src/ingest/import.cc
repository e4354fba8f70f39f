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

#include "base/progress.h"
#include "base/stop.h"
#include "base/threads.h"
#include "events/limits.h"
#include "events/quarantine.h"
#include "ingest/import_source.h"
#include "ingest/ordered_blocks.h"
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
    const auto before = TRY(find_source(directory_, source.digest));
    if (before && before->complete) {
      ++summary_.sources_known;
      summary_.rows += before->rows;
      summary_.duplicates += before->rows;
      summary_.time = std::min(summary_.time, before->time);
      return {};
    }
    EventReader reader =
        TRY(open_events(file.path, file.mapping, *options_.types, options_.reader));
    source.time = reader.info().time;
    summary_.time = std::min(summary_.time, source.time);
    TRY(remember_source(directory_, source));
    TRY(read(reader, source));
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
      if (source.rows == 0) continue;
      source.complete = true;
      TRY(remember_source(directory_, source));
    }
    TRY(report(quarantine_, summary_));
    return summary_;
  }

 private:
  Status read(EventReader& reader, ImportSource& source) {
    Progress progress("importing " + source.name, reader.info().bytes, "bytes");
    const RejectSink sink = quarantine_.sink();
    EventBatch batch;
    uint64_t bytes = 0;
    reader.wish_encoded(in_order_ || source.time != TimeKind::kReal, source_ == 0);
    while (TRY(reader.next(batch, sink))) {
      TRY(check_stop(options_.stop));
      TRY(answers_->status());
      source.rows += batch.rows.size();
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
      const Status queued = directory_.ingest().submit_prepared(
          std::move(events),
          [answers = answers_](const Result<IngestReceipt>& receipt) { answers->take(receipt); });
      if (!queued) answers_->take(std::unexpected(queued.error()));
    }
    return {};
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
  std::function<Result<Reader<std::vector<Record>>>(const ImportFile&)> open;
  std::function<Result<bool>(const Record&)> unchanged;
  std::function<Result<IngestReceipt>(std::vector<Record>)> write;
};

template <class Record>
Status import_file(const ImportFile& file, const RecordWay<Record>& way, Quarantine& quarantine,
                   std::pair<ImportSummary&, const std::stop_token&> run) {
  auto& [summary, stop] = run;
  auto reader = TRY(way.open(file));
  Progress progress("importing " + file.path.filename().string(), reader.info().bytes, "bytes");
  const RejectSink sink = quarantine.sink();
  std::vector<Record> batch, changed;
  uint64_t bytes = 0;
  const auto write = [&]() -> Status {
    if (changed.empty()) return {};
    summary.accepted += TRY(way.write(std::exchange(changed, {}))).accepted;
    return {};
  };
  while (TRY(reader.next(batch, sink))) {
    TRY(check_stop(stop));
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
                                     const std::stop_token& stop) {
  const auto start = Clock::now();
  ImportSummary summary;
  for (const ImportFile& file : files) {
    const Status imported = import_file<Record>(file, way, quarantine, {summary, stop});
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
  const RecordWay<ItemRecord> way{
      .open = [&](const ImportFile& f) { return open_items(f.path, f.mapping, options.reader); },
      .unchanged = [&](const ItemRecord& item) -> Result<bool> {
        return unchanged(directory.state().catalogue(), item);
      },
      .write =
          [&](std::vector<ItemRecord> some) {
            return directory.ingest().write_items(std::move(some));
          }};
  return import_records(files, way, Quarantine(quarantine_options(directory, "items")),
                        options.stop);
}

Result<ImportSummary> import_users(std::span<const ImportFile> files, const ImportOptions& options,
                                   DataDirectory& directory) {
  const RecordWay<UserRecord> way{
      .open = [&](const ImportFile& f) { return open_users(f.path, f.mapping, options.reader); },
      .unchanged = [&](const UserRecord& user) -> Result<bool> {
        const auto state = TRY(directory.state().user(user.id));
        return state && state->has_profile && to_json(state->profile) == to_json(user);
      },
      .write =
          [&](std::vector<UserRecord> some) {
            return directory.ingest().write_users(std::move(some));
          }};
  return import_records(files, way, Quarantine(quarantine_options(directory, "users")),
                        options.stop);
}

Result<TimeKind> weakest_time(const DataDirectory& directory) {
  TimeKind weakest = TimeKind::kReal;
  for (const ImportSource& source : TRY(imported_sources(directory))) {
    weakest = std::min(weakest, source.time);
  }
  return weakest;
}

}  // namespace palate
