// ParquetSource on Apache Arrow. Built into a module of its own; no other file includes Arrow.
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>

#include "events/parquet_source.h"

namespace palate {
namespace {

constexpr int64_t kBatchRows = 32 * 1024;

// What the cells of one chunk point into.
struct Owner {
  std::shared_ptr<arrow::RecordBatch> batch;
  Arena arena;
};

std::unexpected<Error> refused(const Path& path, const arrow::Status& status) {
  return fail(status.IsIOError() ? Code::kIo : Code::kCorrupt, "{}: {}", path.string(),
              status.ToString());
}

template <class Number>
std::string_view number_text(Number number, Arena& arena) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.begin(), buffer.end(), number).ptr;
  return arena.copy({buffer.data(), static_cast<size_t>(end - buffer.data())});
}

// A time that does not fit becomes the first or last there is, which rows are refused for.
int64_t scaled(int64_t value, int64_t factor) {
  int64_t product = 0;
  if (!__builtin_mul_overflow(value, factor, &product)) return product;
  return value < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

// Timestamps before 1970 round down, like the clock.
int64_t to_us(int64_t value, arrow::TimeUnit::type unit) {
  constexpr int64_t kNanosPerMicro = 1000;
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return scaled(value, kSecondUs);
    case arrow::TimeUnit::MILLI:
      return scaled(value, 1000);
    case arrow::TimeUnit::MICRO:
      return value;
    case arrow::TimeUnit::NANO:
      return value / kNanosPerMicro - (value % kNanosPerMicro < 0 ? 1 : 0);
  }
  return value;
}

using Texts = std::vector<std::string_view>;

template <class Array, class Convert>
void convert_each(const arrow::Array& array, Texts& texts, Convert convert) {
  const auto& typed = static_cast<const Array&>(array);
  for (int64_t i = 0; i < array.length(); ++i) {
    if (!array.IsNull(i)) texts[static_cast<size_t>(i)] = convert(typed, i);
  }
}

template <class Array>
void convert_numbers(const arrow::Array& array, Texts& texts, Arena& arena) {
  convert_each<Array>(array, texts, [&](const Array& typed, int64_t i) {
    return number_text(typed.Value(i), arena);
  });
}

Texts column_texts(const arrow::Array& array, Arena& arena);

template <class Array>
void convert_lists(const arrow::Array& array, Texts& texts, Arena& arena) {
  const auto& list = static_cast<const Array&>(array);
  const Texts values = column_texts(*list.values(), arena);
  convert_each<Array>(array, texts, [&](const Array& typed, int64_t i) {
    std::string joined;
    for (auto at = typed.value_offset(i); at < typed.value_offset(i + 1); ++at) {
      if (!joined.empty()) joined += '|';
      joined += values[static_cast<size_t>(at)];
    }
    return arena.copy(joined);
  });
}

void convert_dictionary(const arrow::Array& array, Texts& texts, Arena& arena) {
  const auto& typed = static_cast<const arrow::DictionaryArray&>(array);
  const Texts words = column_texts(*typed.dictionary(), arena);
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) continue;
    texts[static_cast<size_t>(i)] = words[static_cast<size_t>(typed.GetValueIndex(i))];
  }
}

// Types that are rare as columns of events.
void convert_other(const arrow::Array& array, Texts& texts, Arena& arena) {
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) continue;
    const auto scalar = array.GetScalar(i);
    if (scalar.ok()) texts[static_cast<size_t>(i)] = arena.copy((*scalar)->ToString());
  }
}

bool convert_integers(const arrow::Array& array, Texts& texts, Arena& arena) {
  switch (array.type_id()) {
    case arrow::Type::INT8:
      convert_numbers<arrow::Int8Array>(array, texts, arena);
      return true;
    case arrow::Type::INT16:
      convert_numbers<arrow::Int16Array>(array, texts, arena);
      return true;
    case arrow::Type::INT32:
      convert_numbers<arrow::Int32Array>(array, texts, arena);
      return true;
    case arrow::Type::INT64:
      convert_numbers<arrow::Int64Array>(array, texts, arena);
      return true;
    case arrow::Type::UINT8:
      convert_numbers<arrow::UInt8Array>(array, texts, arena);
      return true;
    case arrow::Type::UINT16:
      convert_numbers<arrow::UInt16Array>(array, texts, arena);
      return true;
    case arrow::Type::UINT32:
      convert_numbers<arrow::UInt32Array>(array, texts, arena);
      return true;
    case arrow::Type::UINT64:
      convert_numbers<arrow::UInt64Array>(array, texts, arena);
      return true;
    default:
      return false;
  }
}

bool convert_times(const arrow::Array& array, Texts& texts, Arena& arena) {
  switch (array.type_id()) {
    case arrow::Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType&>(*array.type()).unit();
      convert_each<arrow::TimestampArray>(array, texts, [&](const auto& typed, int64_t i) {
        return number_text(to_us(typed.Value(i), unit), arena);
      });
      return true;
    }
    case arrow::Type::DATE32:
      convert_each<arrow::Date32Array>(array, texts, [&](const auto& typed, int64_t i) {
        return number_text(scaled(typed.Value(i), kDayUs), arena);
      });
      return true;
    case arrow::Type::DATE64:
      convert_each<arrow::Date64Array>(array, texts, [&](const auto& typed, int64_t i) {
        return number_text(scaled(typed.Value(i), 1000), arena);
      });
      return true;
    default:
      return false;
  }
}

Texts column_texts(const arrow::Array& array, Arena& arena) {
  Texts texts(static_cast<size_t>(array.length()));
  if (convert_integers(array, texts, arena) || convert_times(array, texts, arena)) return texts;
  switch (array.type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      convert_each<arrow::BinaryArray>(
          array, texts, [](const auto& typed, int64_t i) { return typed.GetView(i); });
      break;
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      convert_each<arrow::LargeBinaryArray>(
          array, texts, [](const auto& typed, int64_t i) { return typed.GetView(i); });
      break;
    case arrow::Type::FLOAT:
      convert_numbers<arrow::FloatArray>(array, texts, arena);
      break;
    case arrow::Type::DOUBLE:
      convert_numbers<arrow::DoubleArray>(array, texts, arena);
      break;
    case arrow::Type::DICTIONARY:
      convert_dictionary(array, texts, arena);
      break;
    case arrow::Type::LIST:
      convert_lists<arrow::ListArray>(array, texts, arena);
      break;
    case arrow::Type::LARGE_LIST:
      convert_lists<arrow::LargeListArray>(array, texts, arena);
      break;
    default:
      convert_other(array, texts, arena);
  }
  return texts;
}

class ArrowSource final : public ParquetSource {
 public:
  ArrowSource(Path path, std::unique_ptr<parquet::arrow::FileReader> file,
              std::shared_ptr<arrow::Schema> schema, uint64_t bytes)
      : path_(std::move(path)),
        file_(std::move(file)),
        schema_(std::move(schema)),
        bytes_(bytes),
        rows_(static_cast<uint64_t>(file_->parquet_reader()->metadata()->num_rows())) {}

  [[nodiscard]] std::vector<std::string> names() const override { return schema_->field_names(); }

  [[nodiscard]] bool is_time(size_t column) const override {
    const auto id = schema_->field(static_cast<int>(column))->type()->id();
    return id == arrow::Type::TIMESTAMP || id == arrow::Type::DATE32 || id == arrow::Type::DATE64;
  }

  Result<std::vector<std::string>> first_row() override {
    file_->set_batch_size(1);
    RawChunk chunk;
    const std::vector<bool> all(static_cast<size_t>(schema_->num_fields()), true);
    const bool any = TRY(next(all, chunk));
    batches_.reset();
    done_ = 0;
    file_->set_batch_size(kBatchRows);
    if (!any) return std::vector<std::string>{};
    return std::vector<std::string>(chunk.cells.begin(), chunk.cells.end());
  }

  Result<bool> next(const std::vector<bool>& wanted, RawChunk& chunk) override {
    // Arrow's readers crash when asked again after an error.
    if (broken_) return std::unexpected(*broken_);
    Result<bool> more = false;
    try {
      more = next_batch(wanted, chunk);
    } catch (const std::exception& problem) {
      more = fail(Code::kCorrupt, "{}: {}", path_.string(), problem.what());
    }
    if (!more) broken_ = more.error();
    return more;
  }

  [[nodiscard]] uint64_t bytes_read() const override {
    return rows_ == 0 ? bytes_ : bytes_ * done_ / rows_;
  }

 private:
  Status open_batches(const std::vector<bool>& wanted) {
    std::vector<int> groups(static_cast<size_t>(file_->num_row_groups()));
    for (size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<int>(i);
    // Columns of nested types have several leaves; such files are read whole.
    const bool flat = file_->parquet_reader()->metadata()->num_columns() == schema_->num_fields();
    std::vector<int> columns;
    for (size_t i = 0; i < wanted.size() && flat; ++i) {
      if (wanted[i]) columns.push_back(static_cast<int>(i));
    }
    auto batches =
        flat ? file_->GetRecordBatchReader(groups, columns) : file_->GetRecordBatchReader(groups);
    if (!batches.ok()) return refused(path_, batches.status());
    batches_ = std::move(*batches);
    return {};
  }

  Result<bool> next_batch(const std::vector<bool>& wanted, RawChunk& chunk) {
    if (batches_ == nullptr) TRY(open_batches(wanted));
    auto owner = std::make_shared<Owner>();
    const arrow::Status status = batches_->ReadNext(&owner->batch);
    if (!status.ok()) return refused(path_, status);
    if (owner->batch == nullptr) return false;
    const auto rows = static_cast<size_t>(owner->batch->num_rows());
    chunk.columns = wanted.size();
    chunk.cells.assign(rows * wanted.size(), {});
    for (size_t column = 0; column < wanted.size(); ++column) {
      const int at =
          owner->batch->schema()->GetFieldIndex(schema_->field(static_cast<int>(column))->name());
      if (!wanted[column] || at < 0) continue;
      const Texts texts = column_texts(*owner->batch->column(at), owner->arena);
      for (size_t row = 0; row < rows; ++row)
        chunk.cells[row * wanted.size() + column] = texts[row];
    }
    done_ += rows;
    chunk.text.owner = std::move(owner);
    return true;
  }

  Path path_;
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::shared_ptr<arrow::Schema> schema_;
  uint64_t bytes_;
  uint64_t rows_;
  uint64_t done_ = 0;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::optional<Error> broken_;  // what the first failure said
};

Result<std::unique_ptr<ParquetSource>> open_with_arrow(const Path& path) {
  auto input = arrow::io::MemoryMappedFile::Open(path.string(), arrow::io::FileMode::READ);
  if (!input.ok()) return refused(path, input.status());
  const auto size = (*input)->GetSize();
  auto file = parquet::arrow::OpenFile(*input, arrow::default_memory_pool());
  if (!file.ok()) return refused(path, file.status());
  (*file)->set_batch_size(kBatchRows);
  std::shared_ptr<arrow::Schema> schema;
  const arrow::Status status = (*file)->GetSchema(&schema);
  if (!status.ok()) return refused(path, status);
  return std::make_unique<ArrowSource>(path, std::move(*file), std::move(schema),
                                       size.ok() ? static_cast<uint64_t>(*size) : 0);
}

}  // namespace
}  // namespace palate

// Found by name, so without C++'s linkage; what it opens goes into `opened`.
extern "C" __attribute__((visibility("default"))) void palate_open_parquet(
    const palate::Path& path, palate::Result<std::unique_ptr<palate::ParquetSource>>& opened) {
  try {
    opened = palate::open_with_arrow(path);
  } catch (const std::exception& problem) {
    opened = palate::fail(palate::Code::kCorrupt, "{}: {}", path.string(), problem.what());
  }
}
