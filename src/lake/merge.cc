#include "lake/merge.h"

#include <algorithm>

#include "base/stop.h"

namespace palate::lake {
namespace {

constexpr size_t kOutRows = kGroupRows;
// Of texts in a row group: a column of Arrow's holds 2 GiB, and a reader takes a whole group.
constexpr uint64_t kOutTextBytes = uint64_t{64} << 20;

// Sorted rows of a file, or new ones, row group by row group.
class Cursor {
 public:
  static Result<Cursor> of_file(const LakeDirectory& lake, const LakeFile& file) {
    Cursor cursor;
    cursor.zone_ = file.zone;
    cursor.source_ = TRY(open_table(TRY(lake.open(file)), columns_of(file.zone)));
    TRY(cursor.load());
    return cursor;
  }
  static Cursor of_rows(const Table& rows, std::span<const uint32_t> chosen) {
    Cursor cursor;
    cursor.rows_ = std::shared_ptr<const Table>(&rows, [](const Table*) {});
    cursor.chosen_ = chosen;
    return cursor;
  }
  [[nodiscard]] bool done() const { return at_ == chosen_.size(); }
  [[nodiscard]] RowAt row() const { return {rows_.get(), chosen_[at_]}; }
  [[nodiscard]] std::span<const uint32_t> rest() const { return chosen_.subspan(at_); }
  [[nodiscard]] const std::shared_ptr<const Table>& table() const { return rows_; }
  [[nodiscard]] bool of_a_file() const { return source_ != nullptr; }
  Status advance(size_t rows) {
    at_ += rows;
    return done() && source_ != nullptr ? load() : Status();
  }

 private:
  // The next row group that has rows.
  Status load() {
    while (done() && group_ < source_->groups()) {
      rows_ = std::make_shared<const Table>(TRY(source_->read(group_++, all_columns(zone_))));
      own_.resize(rows_->rows);
      for (uint32_t row = 0; row < own_.size(); ++row) own_[row] = row;
      chosen_ = own_;
      at_ = 0;
    }
    return {};
  }

  Zone zone_ = Zone::kRaw;
  std::unique_ptr<TableSource> source_;
  size_t group_ = 0;
  std::shared_ptr<const Table> rows_;
  std::vector<uint32_t> own_;
  std::span<const uint32_t> chosen_;
  size_t at_ = 0;
};

class Merge {
 public:
  Merge(const MergeJob& job, const RowFilter& filter)
      : job_(job), filter_(filter), out_(columns_of(job.target.zone)), writer_(job.target) {}

  Result<Merged> run(const std::stop_token& stop) {
    TRY(open());
    while (!cursors_.empty()) {
      TRY(check_stop(stop));
      TRY(step());
    }
    TRY(flush());
    merged_.files = TRY(writer_.finish());
    return std::move(merged_);
  }

 private:
  Status open() {
    if (!job_.chosen.empty()) cursors_.push_back(Cursor::of_rows(*job_.fresh, job_.chosen));
    for (const LakeFile* file : job_.inputs) {
      cursors_.push_back(TRY(Cursor::of_file(*job_.target.lake, *file)));
    }
    std::erase_if(cursors_, [](const Cursor& cursor) { return cursor.done(); });
    return {};
  }

  // Takes the run of rows of the cursor in front that sort before everybody else's.
  Status step() {
    size_t first = 0;
    for (size_t i = 1; i < cursors_.size(); ++i) {
      if (compare(cursors_[i].row(), cursors_[first].row()) < 0) first = i;
    }
    Cursor& cursor = cursors_[first];
    const size_t room = kOutRows - out_.rows;
    size_t run = 1;
    const size_t most = std::min(room, cursor.rest().size());
    const Table& table = *cursor.table();
    out_bytes_ += table.text_bytes(cursor.rest()[0]);
    while (run < most && out_bytes_ < kOutTextBytes &&
           in_front(first, {&table, cursor.rest()[run]})) {
      out_bytes_ += table.text_bytes(cursor.rest()[run++]);
    }
    take(cursor, run);
    if (out_.rows >= kOutRows || out_bytes_ >= kOutTextBytes) TRY(flush());
    TRY(cursor.advance(run));
    if (cursor.done()) cursors_.erase(cursors_.begin() + static_cast<ptrdiff_t>(first));
    return {};
  }

  [[nodiscard]] int compare(RowAt a, RowAt b) const { return compare_rows(job_.target.zone, a, b); }
  [[nodiscard]] bool in_front(size_t of, RowAt row) const {
    for (size_t i = 0; i < cursors_.size(); ++i) {
      if (i != of && compare(cursors_[i].row(), row) <= 0) return false;
    }
    return true;
  }

  void take(const Cursor& cursor, size_t run) {
    if (out_.owners.empty() || out_.owners.back() != cursor.table()) {
      out_.owners.push_back(cursor.table());
    }
    const auto rows = cursor.rest().first(run);
    if (!cursor.of_a_file() || filter_.idle()) return out_.append(*cursor.table(), rows);
    kept_.clear();
    for (const uint32_t row : rows) {
      if (!filter_.removes(job_.target.zone, *cursor.table(), row, merged_.removed)) {
        kept_.push_back(row);
      }
    }
    out_.append(*cursor.table(), kept_);
  }

  Status flush() {
    TRY(writer_.write(out_));
    out_.clear();
    out_bytes_ = 0;
    return {};
  }

  const MergeJob& job_;
  const RowFilter& filter_;
  std::vector<Cursor> cursors_;
  Table out_;
  uint64_t out_bytes_ = 0;  // of its texts
  std::vector<uint32_t> kept_;
  PartWriter writer_;
  Merged merged_;
};

}  // namespace

Result<Merged> merge(const MergeJob& job, const RowFilter& filter, const std::stop_token& stop) {
  return Merge(job, filter).run(stop);
}

std::vector<const LakeFile*> files_to_merge(std::vector<const LakeFile*> of_part,
                                            uint64_t fresh_bytes, uint64_t bytes_max) {
  constexpr uint64_t kTimes = 4;
  constexpr uint64_t kSmallBytes = 1 << 20;  // written again at every compaction without a thought
  std::ranges::sort(of_part, {},
                    [](const LakeFile* file) { return std::pair(file->bytes, file->path); });
  std::vector<const LakeFile*> chosen;
  uint64_t bytes = fresh_bytes;
  for (const LakeFile* file : of_part) {
    const bool small =
        file->bytes <= std::max(kSmallBytes, kTimes * bytes) && bytes + file->bytes <= bytes_max;
    if (!small || chosen.size() == kMergeFilesMax) break;
    chosen.push_back(file);
    bytes += file->bytes;
  }
  return chosen;
}

}  // namespace palate::lake
