// Tables on Apache Arrow. Built into a module of its own; no other file of this room includes it.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <arrow/io/memory.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>

#include "lake/table_file.h"

namespace palate::lake {
namespace {

constexpr int kIdBytes = 16;
constexpr int kZstdLevel = 3;

std::unexpected<Error> refused(std::string_view name, const arrow::Status& status) {
  return fail(status.IsOutOfMemory() ? Code::kNoMemory : Code::kCorrupt, "{}: {}", name,
              status.ToString());
}

// ---- writing -------------------------------------------------------------------------------

// Arrow's stream over our sink. Keeps our own error, which says more than Arrow's.
class SinkStream final : public arrow::io::OutputStream {
 public:
  explicit SinkStream(ByteSink& sink) : sink_(sink) {}
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  [[nodiscard]] bool closed() const override { return closed_; }
  [[nodiscard]] arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Write(const void* data, int64_t bytes) override {
    const auto size = static_cast<size_t>(bytes);
    auto written = sink_.write({static_cast<const char*>(data), size});
    if (!written) {
      error = written.error();
      return arrow::Status::IOError(error->message);
    }
    position_ += bytes;
    return arrow::Status::OK();
  }

  std::optional<Error> error;

 private:
  ByteSink& sink_;
  int64_t position_ = 0;
  bool closed_ = false;
};

std::shared_ptr<arrow::DataType> type_of(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::kInteger:
      return arrow::int64();
    case ColumnKind::kSmall:
      return arrow::int32();
    case ColumnKind::kTime:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case ColumnKind::kNumber:
      return arrow::float64();
    case ColumnKind::kText:
      return arrow::utf8();
    case ColumnKind::kId:
      return arrow::fixed_size_binary(kIdBytes);
  }
  return arrow::null();
}

std::shared_ptr<arrow::Schema> schema_of(std::span<const ColumnSpec> columns) {
  arrow::FieldVector fields;
  for (const ColumnSpec& column : columns) {
    fields.push_back(arrow::field(std::string(column.name), type_of(column.kind)));
  }
  return arrow::schema(std::move(fields));
}

std::shared_ptr<parquet::WriterProperties> properties_of(const TableFormat& format) {
  parquet::WriterProperties::Builder builder;
  builder.compression(arrow::Compression::ZSTD)
      ->compression_level(kZstdLevel)
      ->max_row_group_length(static_cast<int64_t>(format.group_rows))
      ->enable_page_checksum()
      ->created_by("palate");
  for (const ColumnSpec& column : format.columns) {
    const std::string name(column.name);
    if (column.repeats) continue;
    builder.disable_dictionary(name);
    if (column.kind == ColumnKind::kInteger || column.kind == ColumnKind::kTime) {
      builder.encoding(name, parquet::Encoding::DELTA_BINARY_PACKED);
    }
  }
  return builder.build();
}

// One bit a row; none where nothing is missing.
template <class Values, class Missing>
std::shared_ptr<arrow::Buffer> validity(const Values& values, Missing missing, int64_t& nulls) {
  nulls = std::count_if(values.begin(), values.end(), missing);
  if (nulls == 0) return nullptr;
  std::vector<uint8_t> bits((values.size() + 7) / 8);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!missing(values[i])) bits[i / 8] |= static_cast<uint8_t>(1U << (i % 8));
  }
  return arrow::Buffer::FromVector(std::move(bits));
}

// The values as they lie in memory.
template <class Values, class Missing>
std::shared_ptr<arrow::Array> plain_array(ColumnKind kind, const Values& values, Missing missing) {
  int64_t nulls = 0;
  auto bits = validity(values, missing, nulls);
  auto data = arrow::Buffer::Wrap(values.data(), values.size());
  return arrow::MakeArray(arrow::ArrayData::Make(type_of(kind), static_cast<int64_t>(values.size()),
                                                 {std::move(bits), std::move(data)}, nulls));
}

std::shared_ptr<arrow::Array> text_array(const std::vector<std::string_view>& texts) {
  int64_t nulls = 0;
  auto bits = validity(texts, [](std::string_view text) { return text.empty(); }, nulls);
  std::vector<int32_t> offsets{0};
  offsets.reserve(texts.size() + 1);
  std::string all;
  for (const std::string_view text : texts) {
    all.append(text);
    if (all.size() > std::numeric_limits<int32_t>::max()) {
      throw std::length_error("a row group's texts have more than 2 GiB");
    }
    offsets.push_back(static_cast<int32_t>(all.size()));
  }
  return arrow::MakeArray(
      arrow::ArrayData::Make(arrow::utf8(), static_cast<int64_t>(texts.size()),
                             {std::move(bits), arrow::Buffer::FromVector(std::move(offsets)),
                              arrow::Buffer::FromString(std::move(all))},
                             nulls));
}

// Backed by `column`, or by `narrow` where values get narrower.
std::shared_ptr<arrow::Array> array_of(const Column& column, std::vector<int32_t>& narrow) {
  const auto no_integer = [](auto value) { return value == kNoInteger; };
  switch (column.kind) {
    case ColumnKind::kNumber:
      return plain_array(column.kind, column.numbers, [](double v) { return std::isnan(v); });
    case ColumnKind::kText:
      return text_array(column.texts);
    case ColumnKind::kId:
      return plain_array(column.kind, column.ids,
                         [](const Hash128& id) { return id == Hash128(); });
    case ColumnKind::kSmall: {
      constexpr int32_t kNone = std::numeric_limits<int32_t>::min();
      narrow.reserve(column.integers.size());
      for (const int64_t value : column.integers) {
        narrow.push_back(value == kNoInteger ? kNone : static_cast<int32_t>(value));
      }
      return plain_array(column.kind, narrow, [](int32_t value) { return value == kNone; });
    }
    default:
      return plain_array(column.kind, column.integers, no_integer);
  }
}

class ArrowWriter final : public TableWriter {
 public:
  static Result<std::unique_ptr<TableWriter>> create(ByteSink& sink, const TableFormat& format) {
    auto writer = std::make_unique<ArrowWriter>();
    writer->schema_ = schema_of(format.columns);
    writer->stream_ = std::make_shared<SinkStream>(sink);
    auto opened = parquet::arrow::FileWriter::Open(*writer->schema_, arrow::default_memory_pool(),
                                                   writer->stream_, properties_of(format));
    if (!opened.ok()) return writer->failed(opened.status());
    writer->file_ = std::move(*opened);
    const auto facts = arrow::key_value_metadata({"palate.schema"}, {format.schema});
    const arrow::Status noted = writer->file_->AddKeyValueMetadata(facts);
    if (!noted.ok()) return writer->failed(noted);
    return writer;
  }

  Status write(const Table& rows) override {
    if (rows.rows == 0) return {};
    return checked([&] {
      arrow::ArrayVector arrays;
      std::vector<std::vector<int32_t>> narrow(rows.columns.size());
      for (size_t i = 0; i < rows.columns.size(); ++i) {
        arrays.push_back(array_of(rows.columns[i], narrow[i]));
      }
      const auto batch =
          arrow::RecordBatch::Make(schema_, static_cast<int64_t>(rows.rows), std::move(arrays));
      // A group of their own: who writes few rows at once has long ones.
      const arrow::Status begun = file_->NewBufferedRowGroup();
      return begun.ok() ? file_->WriteRecordBatch(*batch) : begun;
    });
  }

  Status finish() override {
    return checked([&] { return file_->Close(); });
  }

 private:
  std::unexpected<Error> failed(const arrow::Status& status) const {
    if (stream_->error) return std::unexpected(*stream_->error);
    return fail(Code::kInternal, "Parquet could not be written: {}", status.ToString());
  }
  template <class Work>
  Status checked(Work work) {
    try {
      const arrow::Status status = work();
      if (!status.ok()) return failed(status);
    } catch (const std::bad_alloc&) {
      return fail(Code::kNoMemory, "there is no memory left to write Parquet");
    } catch (const std::exception& problem) {
      return failed(arrow::Status::IOError(problem.what()));
    }
    return {};
  }

  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<SinkStream> stream_;
  std::unique_ptr<parquet::arrow::FileWriter> file_;
};

// ---- reading -------------------------------------------------------------------------------

template <class Array, class Values, class Convert>
void take(const arrow::Array& array, Values& values, Convert convert) {
  const auto& typed = static_cast<const Array&>(array);
  for (int64_t i = 0; i < array.length(); ++i) values.push_back(convert(typed, i));
}

// Values that lie as ours do; true where none is missing.
template <class Value>
bool take_all(const arrow::Array& array, std::vector<Value>& out) {
  if (array.null_count() != 0) return false;
  const auto* values = array.data()->GetValues<Value>(1);
  out.insert(out.end(), values, values + array.length());
  return true;
}

void take_integers(const arrow::Array& array, std::vector<int64_t>& out) {
  const auto get = [](const auto& typed, int64_t i) -> int64_t {
    return typed.IsNull(i) ? kNoInteger : typed.Value(i);
  };
  if (array.type_id() == arrow::Type::INT32) return take<arrow::Int32Array>(array, out, get);
  // Times lie as integers do, in an array of another type.
  if (take_all(array, out)) return;
  const auto* values = array.data()->GetValues<int64_t>(1);
  for (int64_t i = 0; i < array.length(); ++i) {
    out.push_back(array.IsNull(i) ? kNoInteger : values[i]);
  }
}

void take_texts(const arrow::Array& array, std::vector<std::string_view>& out) {
  if (array.type_id() == arrow::Type::DICTIONARY) {
    const auto& typed = static_cast<const arrow::DictionaryArray&>(array);
    const auto& words = static_cast<const arrow::StringArray&>(*typed.dictionary());
    const auto& places = static_cast<const arrow::Int32Array&>(*typed.indices());
    if (array.null_count() == 0) {
      for (const int32_t place : std::span(places.raw_values(), places.length())) {
        out.push_back(words.GetView(place));
      }
      return;
    }
    for (int64_t i = 0; i < array.length(); ++i) {
      out.push_back(array.IsNull(i) ? std::string_view() : words.GetView(places.Value(i)));
    }
    return;
  }
  take<arrow::StringArray>(array, out, [](const auto& typed, int64_t i) {
    return typed.IsNull(i) ? std::string_view() : std::string_view(typed.GetView(i));
  });
}

void take_ids(const arrow::Array& array, std::vector<Hash128>& out) {
  take<arrow::FixedSizeBinaryArray>(array, out, [](const auto& typed, int64_t i) {
    Hash128 id;
    if (typed.IsValid(i)) std::memcpy(id.words.data(), typed.GetValue(i), kIdBytes);
    return id;
  });
}

bool take_array(const arrow::Array& array, Column& column) {
  const auto id = array.type_id();
  switch (column.kind) {
    case ColumnKind::kInteger:
    case ColumnKind::kSmall:
    case ColumnKind::kTime:
      if (id != arrow::Type::INT64 && id != arrow::Type::INT32 && id != arrow::Type::TIMESTAMP) {
        return false;
      }
      take_integers(array, column.integers);
      return true;
    case ColumnKind::kNumber:
      if (id != arrow::Type::DOUBLE) return false;
      if (take_all(array, column.numbers)) return true;
      take<arrow::DoubleArray>(array, column.numbers, [](const auto& typed, int64_t i) {
        return typed.IsNull(i) ? std::nan("") : typed.Value(i);
      });
      return true;
    case ColumnKind::kText:
      if (id != arrow::Type::STRING && id != arrow::Type::DICTIONARY) return false;
      take_texts(array, column.texts);
      return true;
    case ColumnKind::kId:
      if (id != arrow::Type::FIXED_SIZE_BINARY || array.type()->byte_width() != kIdBytes) {
        return false;
      }
      take_ids(array, column.ids);
      return true;
  }
  return false;
}

class ArrowSource final : public TableSource {
 public:
  static Result<std::unique_ptr<TableSource>> open(const TableModule::Bytes& bytes,
                                                   std::span<const ColumnSpec> columns) {
    auto source = std::make_unique<ArrowSource>();
    source->name_ = bytes.name;
    source->owner_ = bytes.owner;
    source->columns_ = columns;
    auto input = std::make_shared<arrow::io::BufferReader>(
        arrow::Buffer::Wrap(bytes.text.data(), bytes.text.size()));
    parquet::ReaderProperties reader;
    reader.set_page_checksum_verification(true);
    auto file = parquet::ParquetFileReader::Open(std::move(input), reader);
    const auto schema = file->metadata()->schema();
    parquet::ArrowReaderProperties arrow_reader;
    for (const ColumnSpec& column : columns) {
      const int at = schema->ColumnIndex(std::string(column.name));
      source->places_.push_back(at);
      if (at >= 0 && column.repeats && column.kind == ColumnKind::kText) {
        arrow_reader.set_read_dictionary(at, true);
      }
    }
    arrow_reader.set_batch_size(1 << 20);
    auto made = parquet::arrow::FileReader::Make(arrow::default_memory_pool(), std::move(file),
                                                 arrow_reader);
    if (!made.ok()) return refused(bytes.name, made.status());
    source->file_ = std::move(*made);
    return source;
  }

  [[nodiscard]] size_t groups() const override {
    return static_cast<size_t>(file_->num_row_groups());
  }
  [[nodiscard]] uint64_t rows() const override {
    return static_cast<uint64_t>(file_->parquet_reader()->metadata()->num_rows());
  }

  Result<Table> read(size_t group, std::span<const size_t> wanted) override {
    try {
      return read_group(static_cast<int>(group), wanted);
    } catch (const std::exception& problem) {
      return fail(Code::kCorrupt, "{}: {}", name_, problem.what());
    }
  }

 private:
  Result<Table> read_group(int group, std::span<const size_t> wanted) {
    std::vector<int> places;
    for (const size_t column : wanted) {
      if (places_[column] >= 0) places.push_back(places_[column]);
    }
    auto answer = file_->ReadRowGroup(group, places);
    if (!answer.ok()) return refused(name_, answer.status());
    std::shared_ptr<arrow::Table> read = std::move(*answer);
    Table table(columns_);
    table.rows = static_cast<size_t>(read->num_rows());
    for (const size_t column : wanted) {
      const auto chunks = read->GetColumnByName(std::string(columns_[column].name));
      Column& to = table.columns[column];
      to.reserve(table.rows);
      if (chunks == nullptr) {
        for (size_t i = 0; i < table.rows; ++i) to.append_missing();
        continue;
      }
      for (const auto& chunk : chunks->chunks()) {
        if (take_array(*chunk, to)) continue;
        return fail(Code::kCorrupt, "{}: column '{}' is of type {}", name_, columns_[column].name,
                    chunk->type()->ToString());
      }
    }
    table.owners.push_back(std::move(read));
    return table;
  }

  std::string name_;
  std::shared_ptr<const void> owner_;  // of the file's bytes
  std::span<const ColumnSpec> columns_;
  std::vector<int> places_;  // of each column in the file; -1: not there
  std::unique_ptr<parquet::arrow::FileReader> file_;
};

void create(ByteSink& sink, const TableFormat& format,
            Result<std::unique_ptr<TableWriter>>& created) {
  try {
    created = ArrowWriter::create(sink, format);
  } catch (const std::exception& problem) {
    created = fail(Code::kInternal, "Parquet could not be written: {}", problem.what());
  }
}

void open(const TableModule::Bytes& bytes, std::span<const ColumnSpec> columns,
          Result<std::unique_ptr<TableSource>>& opened) {
  try {
    opened = ArrowSource::open(bytes, columns);
  } catch (const std::exception& problem) {
    opened = fail(Code::kCorrupt, "{}: {}", bytes.name, problem.what());
  }
}

}  // namespace
}  // namespace palate::lake

// Found by name, so without C++'s linkage.
extern "C" __attribute__((visibility("default")))
const palate::lake::TableModule palate_lake_tables = {palate::lake::create, palate::lake::open};
