#include "lake/log_runs.h"

#include <optional>

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
    rows_ += block.count;
    return waiting_.size() < kBlocksAtOnce && rows_ < runs_.rows_max ? Status() : decode();
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
  };

  void start_run(const Position& first) {
    run_ = {zone_, Table(columns_of(zone_)), first, first};
    for (Column& column : run_.rows.columns) column.reserve(rows_max_reserved());
    rows_ = 0;
  }
  [[nodiscard]] size_t rows_max_reserved() const {
    return std::min<uint64_t>(runs_.rows_max, end_ - std::min(end_, from_.offset));
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
        waiting_.size(), [&](size_t i, size_t) { waiting_[i].rows = decoded(waiting_[i]); },
        runs_.stop));
    for (Waiting& waiting : waiting_) {
      append_all(run_.rows, TRY(std::move(waiting.rows)));
      run_.end = waiting.first;
      run_.end.offset = std::min(end_, waiting.first.offset + waiting.count);
    }
    waiting_.clear();
    return rows_ < runs_.rows_max ? Status() : hand_on();
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
  size_t rows_ = 0;  // of the run, waiting ones included
  bool seen_ = false;
};

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

}  // namespace palate::lake
