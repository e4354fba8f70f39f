// Parquet files, read by Apache Arrow in a module of its own (src/events/parquet), which is loaded
// when the first such file is opened: palate itself starts without Arrow.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "events/chunk_pipeline.h"

namespace palate {

// Values as text: integers, decimals and floats in their shortest form, timestamps and dates as
// microseconds, booleans as true and false, lists joined with '|', missing values empty.
class ParquetSource {
 public:
  virtual ~ParquetSource() = default;
  [[nodiscard]] virtual std::vector<std::string> names() const = 0;
  // Whether the column holds timestamps or dates, which arrive as microseconds.
  [[nodiscard]] virtual bool is_time(size_t column) const = 0;
  // The first row, for a look at it.
  virtual Result<std::vector<std::string>> first_row() = 0;
  // The next rows, cells of all columns but only those in `wanted` filled. False at the end.
  virtual Result<bool> next(const std::vector<bool>& wanted, RawChunk& chunk) = 0;
  [[nodiscard]] virtual uint64_t bytes_read() const = 0;  // about
};

bool is_parquet(std::string_view first_bytes);
// Whether the module can be loaded. Errors: kUnavailable, with why and what to do.
Status parquet_ready();
// Errors: kUnavailable when the module is not beside the program, kCorrupt, kIo.
Result<std::unique_ptr<ParquetSource>> open_parquet(const Path& path);

}  // namespace palate
