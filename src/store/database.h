// One RocksDB a tenant, at <data>/<tenant>/db, with three column families: `log` (blocks of events,
// items, users; events/rocks_log.h), `state` (what is folded from them; store/rocks_state.h) and
// `meta` (small durable facts). They share one write-ahead log, so a crash leaves a prefix of all
// writes to all of them (docs/formats/data-directory.md).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/ids.h"
#include "base/result.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace palate {

enum class Column : uint8_t { kLog, kState, kMeta };

struct DatabaseOptions {
  enum class Mode : uint8_t {
    kWriter,  // the one writer: makes the database where there is none
    kReader,  // beside a writer (RocksDB secondary): sees what was there at the last catch_up()
  };
  Path path;  // the RocksDB folder itself; its parent must exist
  Tenant tenant;
  Mode mode = Mode::kReader;
  // Bounds of memory: one cache for all columns; up to two buffers of `log`, three of `state`.
  size_t block_cache_bytes = size_t{24} << 20;
  size_t log_buffer_bytes = size_t{16} << 20;
  size_t state_buffer_bytes = size_t{8} << 20;
};

// The version of RocksDB that runs: "7.8.3".
std::string rocks_version();

// Thread-safe but for catch_up(), which must not run beside itself.
class Database {
 public:
  // Errors: kConflict when another process writes or the database is another tenant's; kNotFound
  // for a reader where there is none; kCorrupt; kUnsupportedVersion; kPermission; kNoSpace; kIo.
  static Result<std::unique_ptr<Database>> open(DatabaseOptions options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] bool writable() const;
  [[nodiscard]] const Path& path() const;
  [[nodiscard]] const Tenant& tenant() const;

  // Readers only: sees what the writer has written up to now.
  Status catch_up();

  // Small facts, durable on return. Keys that start with "palate." are the database's own.
  Status put_meta(std::string_view key, std::string_view value);
  struct Fact {
    std::string key;
    std::optional<std::string> value;  // nullopt: it is no fact any more
  };
  // All of them or none.
  Status put_meta(std::span<const Fact> facts);
  // All facts whose key starts with `prefix`, ascending.
  Result<std::vector<std::pair<std::string, std::string>>> meta(std::string_view prefix) const;

  enum class Durable : uint8_t { kNow, kLater };  // kLater: with the next one that is durable
  // All of the batch or nothing. After a failure (a full disk, say) the database is read-only; the
  // next write first asks it to go on, so that writing comes back when the space does.
  rocksdb::Status write(rocksdb::WriteBatch& batch, Durable durable);
  // Keys from one to another, both included.
  struct KeyRange {
    std::string first, last;
  };
  // Everything written is in tables, and what was overwritten or deleted in the ranges of the
  // column is in no file any more. Takes as long as rewriting the tables that overlap them. Errors:
  // kCancelled; what is left then is as before.
  Status settle(Column column, std::span<const KeyRange> ranges, const std::stop_token& stop);
  // Of tables and buffers with keys in [begin, end); roughly.
  [[nodiscard]] Result<uint64_t> bytes_in(Column column, std::string_view begin,
                                          std::string_view end) const;

  // For the rooms' own implementations over RocksDB, which include its headers in their .cc files.
  [[nodiscard]] rocksdb::DB& rocks() const;
  [[nodiscard]] rocksdb::ColumnFamilyHandle* column(Column column) const;
  // A RocksDB status as an Error that names this database and what to do.
  [[nodiscard]] Error error(const rocksdb::Status& status, std::string_view doing) const;

 private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  Status check_identity();
  std::unique_ptr<State> state_;
};

}  // namespace palate
