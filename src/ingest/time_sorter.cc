#include "ingest/time_sorter.h"

#include <algorithm>
#include <limits>
#include <memory>

namespace palate {
namespace {

constexpr size_t kBatchRows = 32 * 1024;
// Rows that are encoded by one thread at a time; fixed, so that blocks do not depend on threads.
constexpr size_t kSliceRows = 64 * 1024;

// Sorted by (ts, place): small keys move instead of whole rows.
std::vector<EventView> sorted_rows(const std::vector<EventBatch>& batches, size_t count) {
  struct Key {
    TimeUs ts;
    uint32_t place;
    auto operator<=>(const Key&) const = default;
  };
  std::vector<const EventView*> rows;
  std::vector<Key> keys;
  rows.reserve(count);
  keys.reserve(count);
  for (const EventBatch& batch : batches) {
    for (const EventView& row : batch.rows) {
      keys.push_back({row.ts, static_cast<uint32_t>(rows.size())});
      rows.push_back(&row);
    }
  }
  if (!std::is_sorted(keys.begin(), keys.end())) std::sort(keys.begin(), keys.end());
  std::vector<EventView> sorted;
  sorted.reserve(count);
  for (const Key& key : keys) sorted.push_back(*rows[key.place]);
  return sorted;
}

}  // namespace

TimeSorter::TimeSorter(const EventTypes& types, ThreadPool& pool, Options options)
    : types_(types), pool_(pool), options_(options) {}

TimeSorter::~TimeSorter() {
  std::error_code ignored;
  if (file_) std::filesystem::remove(options_.spill, ignored);
}

Status TimeSorter::add(EventBatch batch) {
  pending_rows_ += batch.rows.size();
  pending_.push_back(std::move(batch));
  return pending_rows_ >= options_.run_rows ? end_run() : Status();
}

Status TimeSorter::end_run() {
  if (pending_rows_ == 0) return {};
  const std::vector<EventView> rows = sorted_rows(pending_, pending_rows_);
  const size_t slices = (rows.size() + kSliceRows - 1) / kSliceRows;
  std::vector<std::vector<EncodedBlock>> encoded(slices);
  TRY(pool_.for_blocks(slices, [&](size_t s, size_t) {
    const size_t begin = s * kSliceRows;
    const size_t count = std::min(kSliceRows, rows.size() - begin);
    encoded[s] = encode_events(std::span(rows).subspan(begin, count), types_);
  }));
  std::vector<EncodedBlock> run;
  for (std::vector<EncodedBlock>& slice : encoded) {
    for (EncodedBlock& block : slice) run.push_back(std::move(block));
  }
  pending_.clear();
  pending_rows_ = 0;
  return add_run(std::move(run));
}

Status TimeSorter::add_run(std::vector<EncodedBlock> blocks) {
  Run run;
  for (EncodedBlock& block : blocks) {
    bytes_ += block.bytes.size();
    run.push_back({.bytes = std::move(block.bytes)});
  }
  runs_.push_back(std::move(run));
  return bytes_ > options_.bytes_max ? spill() : Status();
}

// All blocks that are in memory. Not synced: after a crash nobody wants them.
Status TimeSorter::spill() {
  if (!file_) file_ = TRY(FileWriter::create(options_.spill));
  for (Run& run : runs_) {
    for (Block& block : run) {
      if (block.bytes.empty()) continue;
      TRY(file_->write(std::string_view(block.bytes)));
      block.at = spilled_bytes_;
      block.size = block.bytes.size();
      spilled_bytes_ += block.size;
      block.bytes = {};
    }
  }
  bytes_ = 0;
  return {};
}

// Walks one run block by block; a block's memory goes once it is decoded.
class TimeSorter::Cursor {
 public:
  Cursor(Run run, const EventTypes& types, std::string_view file)
      : run_(std::move(run)), types_(types), file_(file) {}

  // False at the end.
  Result<bool> load() {
    if (block_ && at_ < block_->rows.size()) return true;
    if (next_ == run_.size()) return false;
    const Block& block = run_[next_];
    const std::string_view bytes =
        block.size > 0 ? file_.substr(block.at, block.size) : std::string_view(block.bytes);
    block_ = std::make_shared<EventBatch>(TRY(decode_events(bytes, types_)));
    std::string().swap(run_[next_].bytes);
    ++next_;
    at_ = 0;
    kept_ = false;
    return true;
  }
  [[nodiscard]] TimeUs head() const { return block_->rows[at_].ts; }
  // Rows of the loaded block up to `limit` (`with` equal ones or without), at most `rows_max`.
  void take(EventBatch& out, TimeUs limit, bool with_equal, size_t rows_max) {
    const size_t end = std::min(block_->rows.size(), at_ + rows_max);
    const size_t begin = at_;
    while (at_ < end &&
           (block_->rows[at_].ts < limit || (with_equal && block_->rows[at_].ts == limit))) {
      ++at_;
    }
    out.rows.insert(out.rows.end(), block_->rows.begin() + static_cast<ptrdiff_t>(begin),
                    block_->rows.begin() + static_cast<ptrdiff_t>(at_));
    if (!kept_) out.arena.keep(block_);
    kept_ = true;
  }
  void next_batch() { kept_ = false; }

 private:
  Run run_;
  const EventTypes& types_;
  std::string_view file_;
  size_t next_ = 0, at_ = 0;
  bool kept_ = false;  // by the batch that is being filled
  std::shared_ptr<const EventBatch> block_;
};

Status TimeSorter::merge(const std::function<Status(EventBatch)>& take) {
  TRY(end_run());
  std::vector<Cursor> cursors;
  std::optional<MappedFile> file;
  if (file_) file = TRY(MappedFile::open(options_.spill));
  for (Run& run : runs_) {
    cursors.emplace_back(std::move(run), types_, file ? file->text() : std::string_view());
  }
  runs_.clear();
  bytes_ = 0;
  EventBatch batch;
  while (true) {
    // The run with the earliest row, the first of equals, and the earliest among the others.
    size_t best = cursors.size(), rival = cursors.size();
    for (size_t c = 0; c < cursors.size(); ++c) {
      if (!TRY(cursors[c].load())) continue;
      if (best == cursors.size() || cursors[c].head() < cursors[best].head()) {
        rival = best;
        best = c;
      } else if (rival == cursors.size() || cursors[c].head() < cursors[rival].head()) {
        rival = c;
      }
    }
    if (best == cursors.size()) break;
    const bool alone = rival == cursors.size();
    const TimeUs limit =
        alone ? TimeUs{std::numeric_limits<int64_t>::max()} : cursors[rival].head();
    cursors[best].take(batch, limit, alone || best < rival, kBatchRows - batch.rows.size());
    if (batch.rows.size() < kBatchRows) continue;
    TRY(take(std::move(batch)));
    batch = EventBatch();
    for (Cursor& cursor : cursors) cursor.next_batch();
  }
  return batch.rows.empty() ? Status() : take(std::move(batch));
}

}  // namespace palate
