#include "lake/part_writer.h"

#include <algorithm>

#include "base/hash.h"

namespace palate::lake {
namespace {

void note_position(LakeFile& file, uint32_t partition, uint64_t offset) {
  for (PositionRange& range : file.positions) {
    if (range.partition != partition) continue;
    range.first = std::min(range.first, offset);
    range.last = std::max(range.last, offset);
    return;
  }
  file.positions.push_back({partition, offset, offset});
}

// Rows of one block share the names of their types.
bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.data() == b.data() || a == b);
}

void note_events(LakeFile& file, const Table& rows) {
  const auto& types = rows.columns[event::kType].texts;
  const auto& ts = rows.columns[event::kTs].integers;
  uint64_t* count = nullptr;
  for (size_t row = 0; row < rows.rows; ++row) {
    if (row == 0 || !same_text(types[row], types[row - 1]))
      count = &file.types[std::string(types[row])];
    ++*count;
    const bool first = file.rows + row == 0;
    file.ts_min = first ? ts[row] : std::min(file.ts_min, ts[row]);
    file.ts_max = first ? ts[row] : std::max(file.ts_max, ts[row]);
  }
  const auto& ids = rows.columns[event::kEvent].ids;
  file.client_ids += static_cast<uint64_t>(
      std::ranges::count_if(ids, [](const Hash128& id) { return id != Hash128(); }));
}

void note_rows(LakeFile& file, const Table& rows) {
  const auto [partition, offset] = position_columns(file.zone);
  for (size_t row = 0; row < rows.rows; ++row) {
    note_position(file, static_cast<uint32_t>(rows.columns[partition].integers[row]),
                  static_cast<uint64_t>(rows.columns[offset].integers[row]));
  }
  if (has_days(file.zone)) note_events(file, rows);
  file.rows += rows.rows;
}

}  // namespace

// A staged file. The module calls it while it encodes.
class PartWriter::Sink final : public ByteSink {
 public:
  explicit Sink(FileWriter file) : file_(std::move(file)) {}
  Status write(std::string_view bytes) override {
    bytes_ += bytes.size();
    return file_.write(bytes);
  }
  Status close() { return file_.close(); }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }

 private:
  FileWriter file_;
  uint64_t bytes_ = 0;
};

PartWriter::PartWriter(PartTarget target) : target_(std::move(target)) {}
PartWriter::~PartWriter() = default;

Status PartWriter::begin() {
  file_ = {};
  file_.zone = target_.zone;
  file_.part = target_.part;
  file_.schema = target_.schema;
  file_.path =
      fmt::format("{}/{}-{}.parquet", part_folder(target_.zone, target_.part, target_.regions),
                  target_.name, done_.size());
  sink_ = std::make_unique<Sink>(TRY(FileWriter::create(target_.lake->staged(file_.path))));
  writer_ = TRY(create_table(*sink_, {columns_of(target_.zone), target_.schema}));
  return {};
}

Status PartWriter::write(const Table& rows) {
  if (rows.rows == 0) return {};
  if (writer_ == nullptr) TRY(begin());
  TRY(writer_->write(rows));
  note_rows(file_, rows);
  return sink_->bytes() >= target_.bytes_max ? end() : Status();
}

Status PartWriter::end() {
  TRY(writer_->finish());
  TRY(sink_->close());
  writer_.reset();
  sink_.reset();
  const auto written = TRY(MappedFile::open(target_.lake->staged(file_.path)));
  file_.bytes = written.text().size();
  file_.checksum = to_hex(hash128(written.text()));
  std::ranges::sort(file_.positions, {}, &PositionRange::partition);
  done_.push_back(std::move(file_));
  return {};
}

Result<std::vector<LakeFile>> PartWriter::finish() {
  if (writer_ != nullptr) TRY(end());
  return std::move(done_);
}

}  // namespace palate::lake
