// Tables as Parquet files, through Apache Arrow in a module of its own (src/lake/parquet), which is
// loaded when the first is opened: palate itself starts without Arrow and builds without it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "lake/table.h"

namespace palate::lake {

inline constexpr size_t kGroupRows = 64 * 1024;  // of a row group: what a reader takes at once

// Where a file's bytes go. The module has no files of its own: it would have its own copy of the
// seam of base/faults.h, too.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Status write(std::string_view bytes) = 0;
};

// A file being written. It is whole after finish(). Not thread-safe.
class TableWriter {
 public:
  virtual ~TableWriter() = default;
  // Rows with all columns. Errors: those of the sink.
  virtual Status write(const Table& rows) = 0;
  virtual Status finish() = 0;
};

// A file being read, row group by row group. Not thread-safe.
class TableSource {
 public:
  virtual ~TableSource() = default;
  [[nodiscard]] virtual size_t groups() const = 0;
  [[nodiscard]] virtual uint64_t rows() const = 0;
  // One row group, only the columns in `wanted`. A column that the file does not have (it was
  // written under an older schema) is missing in every row. Errors: kCorrupt.
  virtual Result<Table> read(size_t group, std::span<const size_t> wanted) = 0;
};

struct TableFormat {
  std::span<const ColumnSpec> columns;
  std::string schema;  // id of what was logged, kept in the file's foot
  size_t group_rows = kGroupRows;
};

// Whether the module can be loaded. Errors: kUnavailable, with why and what to do.
Status tables_ready();
// `sink` outlives it.
Result<std::unique_ptr<TableWriter>> create_table(ByteSink& sink, const TableFormat& format);
// A file as it lies in memory: it is there on where a compaction moves or removes it.
struct TableBytes {
  Path path;
  std::shared_ptr<const MappedFile> file;
};
// Errors: kCorrupt for what is no such file.
Result<std::unique_ptr<TableSource>> open_table(const TableBytes& bytes,
                                                std::span<const ColumnSpec> columns);

// What the module gives, found by the name `palate_lake_tables`.
struct TableModule {
  struct Bytes {
    std::string name;  // for messages
    std::string_view text;
    std::shared_ptr<const void> owner;
  };
  void (*create)(ByteSink&, const TableFormat&, Result<std::unique_ptr<TableWriter>>&);
  void (*open)(const Bytes&, std::span<const ColumnSpec>, Result<std::unique_ptr<TableSource>>&);
};

}  // namespace palate::lake
