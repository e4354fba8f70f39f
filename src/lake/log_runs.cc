#include "lake/log_runs.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "base/stop.h"

namespace palate::lake {
namespace {

constexpr size_t kBlocksAtOnce = 32;

Zone zone_of(Stream stream) {
  if (stream == Stream::kEvents) return Zone::kRaw;
  return stream == Stream::kItems ? Zone::kItems : Zone::kUsers;
}

// All rows of `from` behind those of `to`.
void append_all(Table& to, Table from) {
  for (size_t i = 0; i < to.columns.size(); ++i) {
    Column &out = to.columns[i], &in = from.columns[i];
    out.integers.insert(out.integers.end(), in.integers.begin(), in.integers.end());
    out.numbers.insert(out.numbers.end(), in.numbers.begin(), in.numbers.end());
    out.texts.insert(out.texts.end(), in.texts.begin(), in.texts.end());
    out.ids.insert(out.ids.end(), in.ids.begin(), in.ids.end());
  }
  to.rows += from.rows;
  for (auto& owner : from.owners) to.owners.push_back(std::move(owner));
}

class Reader {
 public:
  Reader(const LogRuns& runs, const Position& from, uint64_t end,
         const std::function<Status(LogRun)>& take)
      : runs_(runs), from_(from), end_(end), take_(take), zone_(zone_of(from.stream)) {
    start_run(from);
  }

  Status add(const EventLog::Block& block) {
    TRY(check_stop(runs_.stop));
    if (!seen_ && block.first.offset > from_.offset) run_.first = block.first;
    seen_ = true;
    waiting_.push_back({block.first, block.count, std::string(block.bytes)});
    waiting_bytes_ += block.count * kRowBytes + block.bytes.size();
    const bool room = bytes_ + waiting_bytes_ < runs_.bytes_max;
    return waiting_.size() < kBlocksAtOnce && room ? Status() : decode();
  }
  Status finish() {
    TRY(decode());
    return hand_on();
  }

 private:
  struct Waiting {
    Position first;
    uint32_t count = 0;
    std::string bytes;
    Result<Table> rows = Table();
    uint64_t text_bytes = 0;  // of rows
  };

  void start_run(const Position& first) {
    run_ = {zone_, Table(columns_of(zone_)), first, first, 0};
    for (Column& column : run_.rows.columns) column.reserve(rows_max_reserved());
    bytes_ = 0;
  }
  [[nodiscard]] size_t rows_max_reserved() const {
    return std::min<uint64_t>(runs_.bytes_max / kRowBytes, end_ - std::min(end_, from_.offset));
  }

  [[nodiscard]] Result<Table> decoded(const Waiting& waiting) const {
    const BlockPart part{waiting.first, from_.offset, end_};
    const CompactionSource& source = runs_.source;
    if (zone_ == Zone::kItems) return item_rows(waiting.bytes, part);
    if (zone_ == Zone::kUsers) return user_rows(waiting.bytes, part, *source.hash);
    return event_rows(waiting.bytes, part, *source.types, *source.hash);
  }

  Status decode() {
    TRY(runs_.pool.for_blocks(
        waiting_.size(),
        [&](size_t i, size_t) {
          Waiting& waiting = waiting_[i];
          waiting.rows = decoded(waiting);
          if (waiting.rows) waiting.text_bytes = waiting.rows->text_bytes();
        },
        runs_.stop));
    for (Waiting& waiting : waiting_) {
      Table rows = TRY(std::move(waiting.rows));
      run_.end = waiting.first;
      run_.end.offset = std::min(end_, waiting.first.offset + waiting.count);
      run_.erased += run_.end.offset - std::max(from_.offset, waiting.first.offset) - rows.rows;
      bytes_ += rows.rows * kRowBytes + waiting.text_bytes;
      append_all(run_.rows, std::move(rows));
    }
    waiting_.clear();
    waiting_bytes_ = 0;
    return bytes_ < runs_.bytes_max ? Status() : hand_on();
  }

  Status hand_on() {
    if (run_.end.offset <= run_.first.offset) return {};
    const Position next = run_.end;
    LogRun run = std::move(run_);
    start_run(next);
    return take_(std::move(run));
  }

  const LogRuns& runs_;
  const Position from_;
  const uint64_t end_;
  const std::function<Status(LogRun)>& take_;
  const Zone zone_;
  LogRun run_;
  std::vector<Waiting> waiting_;
  uint64_t waiting_bytes_ = 0;  // of waiting_, before its texts are counted
  uint64_t bytes_ = 0;          // of the run
  bool seen_ = false;
};

// Where one thread hands a run to another. Whoever puts one waits until it was taken, so that no
// third one is begun.
class Handover {
 public:
  Status put(LogRun run, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    run_ = std::move(run);
    changed_.notify_all();
    changed_.wait(lock, stop, [&] { return !run_; });
    return check_stop(stop);
  }
  void end(Status how, std::exception_ptr thrown) {
    const std::lock_guard lock(mutex_);
    ended_ = std::move(how);
    thrown_ = std::move(thrown);
    changed_.notify_all();
  }
  // None when all were taken.
  std::optional<LogRun> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return run_ || ended_; });
    changed_.notify_all();
    return std::exchange(run_, std::nullopt);
  }
  // Behind the last take(): how it ended. Throws what was thrown.
  Status how() {
    const std::lock_guard lock(mutex_);
    if (thrown_) std::rethrow_exception(thrown_);
    return ended_.value_or(Status());
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<LogRun> run_;
  std::optional<Status> ended_;
  std::exception_ptr thrown_;
};

Status read_ranges(const LogRuns& runs, std::span<const LogRange> ranges,
                   const std::function<Status(LogRun)>& take) {
  for (const LogRange& range : ranges) TRY(read_runs(runs, range.from, range.end, take));
  return {};
}

}  // namespace

Status read_runs(const LogRuns& runs, const Position& from, uint64_t end,
                 const std::function<Status(LogRun)>& take) {
  if (from.offset >= end) return {};
  Reader reader(runs, from, end, take);
  bool reached = false;
  const auto read = runs.source.log->read(from, [&](const EventLog::Block& block) -> Status {
    reached = block.first.offset >= end;
    if (reached) return fail(Code::kCancelled, "there is no need to read on");
    return reader.add(block);
  });
  if (!read && !reached) return std::unexpected(read.error());
  return reader.finish();
}

Status read_runs_ahead(const LogRuns& runs, std::span<const LogRange> ranges,
                       const std::function<Status(LogRun)>& take) {
  if (runs.pool.size() == 1) return read_ranges(runs, ranges, take);
  Handover handover;
  const auto produce = [&](const std::stop_token& stop) {
    try {
      ThreadPool pool((runs.pool.size() + 1) / 2);  // the caller's has the run before
      const LogRuns ahead{runs.source, pool, stop, runs.bytes_max};
      const auto put = [&](LogRun run) { return handover.put(std::move(run), stop); };
      handover.end(read_ranges(ahead, ranges, put), nullptr);
    } catch (...) {
      handover.end({}, std::current_exception());
    }
  };
  std::jthread producer;  // however this ends, it is stopped and joined
  try {
    producer = std::jthread(produce);
  } catch (const std::system_error&) {
    return read_ranges(runs, ranges, take);  // no room for another stack
  }
  const std::stop_callback forward(runs.stop, [&] { producer.request_stop(); });
  while (auto run = handover.take()) TRY(take(std::move(*run)));
  return handover.how();
}

}  // namespace palate::lake
