// Reading a foreign file: events, items or users out of CSV, TSV, "::"-separated text, JSON lines,
// 'user item item …' lists and Parquet, plain, gzip or zstd. Rows arrive validated; what is refused
// goes to a sink with file, line and reason, and the reading goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "events/column_mapping.h"
#include "events/decompress.h"
#include "events/encoded_rows.h"
#include "events/event.h"
#include "events/event_types.h"
#include "events/validate.h"

namespace palate {

// One refused row. All views are valid during the call of the sink.
struct Reject {
  std::string_view file;
  uint64_t line = 0;  // from 1; for Parquet the row's number
  Reason reason = Reason::kNone;
  std::string_view sentence;
  std::string_view bytes;  // the original row
};
// An error ends the reading and is passed on.
using RejectSink = std::function<Status(const Reject&)>;

struct ReaderOptions {
  size_t threads = 0;                             // that parse; 0: one for each processor
  TimeUs now;                                     // for `received` and "far future"; 0: the clock's
  std::shared_ptr<const Contract> contract = {};  // what the tenant asks beyond; nullptr: nothing
};

// How a source is read, for reports.
struct SourceInfo {
  SourceFormat format = SourceFormat::kAuto;
  Compression compression = Compression::kNone;
  TimeKind time = TimeKind::kNone;
  TimeUnit ts_unit = TimeUnit::kAuto;
  std::string default_type;                                  // of rows that name none
  std::vector<std::pair<std::string, std::string>> columns;  // our field, the source's column
  uint64_t bytes = 0;                                        // of the file
};

// Not thread-safe; it parses ahead on threads of its own from the first next() on.
template <class Batch>
class Reader {
 public:
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  Reader(Reader&&) noexcept;
  ~Reader();

  // Replaces `batch` with the next rows (one chunk's, some ten thousand at most); false at the end.
  // What `batch` held before is dropped, its memory is used again. Errors: kCorrupt for damaged
  // compressed data (rows before the damage were delivered), kIo, and those of the sink.
  Result<bool> next(Batch& batch, const RejectSink& rejects);
  // Events only: from now on (before the first next(): from the beginning) blocks are made on the
  // threads that parse, and identities of every row.
  void wish_encoded(bool blocks, bool identities);
  // What was made of the batch given last; taken once.
  EncodedRows take_encoded();
  [[nodiscard]] const SourceInfo& info() const;
  // How rows of this source are to be read once more when they stand alone, without its header: for
  // quarantine. Cells of Parquet are then CSV.
  [[nodiscard]] const ColumnMapping& recipe() const;
  [[nodiscard]] uint64_t bytes_read() const;  // of the file, by now; for a progress bar

 private:
  std::unique_ptr<State> state_;
};

using EventReader = Reader<EventBatch>;
using ItemReader = Reader<std::vector<ItemRecord>>;
using UserReader = Reader<std::vector<UserRecord>>;

// Errors: kNotFound, kIo, and kInvalidArgument for a mapping that does not fit the file, with the
// columns that it has. `types` must outlive the reader.
Result<EventReader> open_events(const Path& path, const ColumnMapping& mapping,
                                const EventTypes& types, const ReaderOptions& options = {});
Result<ItemReader> open_items(const Path& path, const ColumnMapping& mapping,
                              const ReaderOptions& options = {});
Result<UserReader> open_users(const Path& path, const ColumnMapping& mapping,
                              const ReaderOptions& options = {});

}  // namespace palate
