// Rows of the lake in memory, one column a field, and what columns a table has. A missing value is
// empty text, NaN, id zero or kNoInteger; in Parquet it is null.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace palate::lake {

inline constexpr int64_t kNoInteger = std::numeric_limits<int64_t>::min();

enum class ColumnKind : uint8_t {
  kInteger,  // 64 bits
  kSmall,    // 32 bits on disk
  kTime,     // microseconds, UTC
  kNumber,   // double
  kText,     // UTF-8
  kId,       // 128 bits: a pseudonym
};

struct ColumnSpec {
  std::string_view name;
  ColumnKind kind = ColumnKind::kText;
  bool repeats = false;  // values come again and again: worth a dictionary
};

// A column's values; only the vector of its kind is filled. Texts point into the table's owners.
struct Column {
  ColumnKind kind = ColumnKind::kText;
  std::vector<int64_t> integers;
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  std::vector<Hash128> ids;

  void append(const Column& from, std::span<const uint32_t> chosen);
  void append(const Column& from, size_t row);
  void append_missing();
  void reserve(size_t rows);
  void clear();  // keeps the memory
};

// Columns that were not wanted are empty. Not thread-safe.
struct Table {
  std::vector<Column> columns;
  size_t rows = 0;
  std::vector<std::shared_ptr<const void>> owners;  // of the texts

  explicit Table(std::span<const ColumnSpec> specs = {});
  // The rows `chosen` of `from`, which keeps the texts alive and has the same columns.
  void append(const Table& from, std::span<const uint32_t> chosen);
  // Of the texts of a row.
  [[nodiscard]] uint64_t text_bytes(size_t row) const;
  [[nodiscard]] uint64_t text_bytes() const;  // of all rows
  void clear();
};

}  // namespace palate::lake
