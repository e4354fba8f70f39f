#include "store/database.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <system_error>

#include <rocksdb/db.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/file.h"
#include "base/stop.h"
#include "store/rocks_error.h"
#include "store/rocks_options.h"

namespace palate {
namespace {

constexpr std::string_view kFormatKey = "palate.format";
constexpr std::string_view kTenantKey = "palate.tenant";
constexpr std::string_view kFormat = "1";
// A writer may replace files while a reader opens or follows: RocksDB then asks for another try.
constexpr int kReaderTries = 8;
// One look reads tables first and the write-ahead logs after. Logs that were flushed and deleted in
// between are a hole, which the next look's tables fill.
constexpr int kLooks = 2;

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

constexpr std::string_view kSecondaryPrefix = "palate-reader-";

// What readers left that were killed.
void remove_dead_readers(const Path& base) {
  constexpr int kEntriesMax = 100'000;
  std::error_code error;
  auto entry = std::filesystem::directory_iterator(base, error);
  for (int i = 0; !error && entry != std::filesystem::directory_iterator() && i < kEntriesMax;
       ++i) {
    const Path path = entry->path();
    entry.increment(error);
    if (!path.filename().string().starts_with(kSecondaryPrefix)) continue;
    std::error_code ignored;
    const auto made = std::filesystem::last_write_time(path, ignored);
    const auto age = std::filesystem::file_time_type::clock::now() - made;
    // A young one may not be held yet.
    if (ignored || age < std::chrono::minutes(1) || !HeldDirectory::hold(path)) continue;
    std::filesystem::remove_all(path, ignored);
  }
}

Result<Path> make_secondary_directory() {
  std::error_code error;
  Path base = std::filesystem::temp_directory_path(error);
  if (error) base = "/tmp";
  remove_dead_readers(base);
  std::string name = (base / (std::string(kSecondaryPrefix) + "XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr) {
    return std::unexpected(errno_error(errno, "make a folder for the reader", base));
  }
  return Path(name);
}

// CURRENT names the manifest, without a checksum: what a flipped bit makes of it is a file that is
// not there. A writer replaces both, so that a reader may see an old name, but not twice.
bool names_no_manifest(const Path& directory) {
  const auto name = [&] {
    const std::string text = read_file(directory / "CURRENT").value_or("");
    return text.substr(0, text.find('\n'));
  };
  const std::string named = name();
  if (named.empty()) return false;
  std::error_code error;
  return !std::filesystem::is_regular_file(directory / named, error) && name() == named;
}

}  // namespace

struct Database::State {
  DatabaseOptions options;
  std::unique_ptr<rocksdb::DB> rocks;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  Path secondary;
  HeldDirectory holding;  // of `secondary`: says that somebody reads
  std::mutex writing;
  rocksdb::Status cause;  // of the last write's failure; guarded by `writing`

  ~State() {
    if (rocks != nullptr) {
      for (rocksdb::ColumnFamilyHandle* handle : handles) {
        static_cast<void>(rocks->DestroyColumnFamilyHandle(handle));
      }
      static_cast<void>(rocks->Close());
      rocks.reset();
    }
    std::error_code ignored;
    if (!secondary.empty()) std::filesystem::remove_all(secondary, ignored);
  }

  rocksdb::Status open_writer() {
    rocksdb::DB* db = nullptr;
    rocksdb::Status status = rocksdb::DB::Open(rocks_options(options), options.path.string(),
                                               rocks_columns(options), &handles, &db);
    rocks.reset(db);
    return status;
  }

  rocksdb::Status open_reader() {
    rocksdb::Status status;
    for (int i = 0; i < kReaderTries; ++i) {
      rocksdb::DB* db = nullptr;
      handles.clear();
      status = rocksdb::DB::OpenAsSecondary(
          rocksdb::Options(rocks_options(options), rocksdb::ColumnFamilyOptions()),
          options.path.string(), secondary.string(), rocks_columns(options), &handles, &db);
      rocks.reset(db);
      if (status.ok() || status.IsCorruption()) break;
    }
    return status;
  }
};

Database::Database(std::unique_ptr<State> state) : state_(std::move(state)) {}
Database::~Database() = default;

std::string rocks_version() { return rocksdb::GetRocksVersionAsString(true); }

Result<std::unique_ptr<Database>> Database::open(DatabaseOptions options) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  const Path& path = state->options.path;
  rocksdb::Status status;
  if (state->options.mode == DatabaseOptions::Mode::kWriter) {
    status = state->open_writer();
  } else {
    std::error_code error;
    if (!std::filesystem::exists(path / "CURRENT", error)) {
      return fail(Code::kNotFound, "{}: there is no database; import events or start the server",
                  path.string());
    }
    state->secondary = TRY(make_secondary_directory());
    state->holding = TRY(HeldDirectory::hold(state->secondary));
    status = state->open_reader();
    // A writer that was killed while it made the database; the next one goes on there.
    if (status.IsInvalidArgument() && status.ToString().contains("Column family not found")) {
      return fail(Code::kNotFound, "{}: the database is not complete yet; import events first",
                  path.string());
    }
  }
  if (!status.ok() && names_no_manifest(path)) {
    return fail(Code::kCorrupt,
                "{}: it is damaged, there is no manifest of the name that it holds; restore the "
                "directory from a copy; what is stored was not changed",
                (path / "CURRENT").string());
  }
  if (!status.ok()) return std::unexpected(rocks_error(status, "open the database", path));
  auto database = std::unique_ptr<Database>(new Database(std::move(state)));
  if (!database->writable()) TRY(database->catch_up());
  TRY(database->check_identity());
  return database;
}

// A new database says once what format it has and whose it is; later openings compare.
Status Database::check_identity() {
  std::string format;
  const rocksdb::ReadOptions read;
  rocksdb::ColumnFamilyHandle* meta = column(Column::kMeta);
  const rocksdb::Status found = rocks().Get(read, meta, slice(kFormatKey), &format);
  if (found.IsNotFound()) {
    if (!writable()) {
      return fail(Code::kNotFound, "{}: the database is still empty; import events first",
                  path().string());
    }
    TRY(put_meta(kTenantKey, tenant().name));
    return put_meta(kFormatKey, kFormat);
  }
  if (!found.ok()) return std::unexpected(error(found, "read its format"));
  if (format != kFormat) {
    return fail(Code::kUnsupportedVersion,
                "{}: the database has format {}, this program reads {}; use the newer program",
                path().string(), format, kFormat);
  }
  std::string owner;
  const rocksdb::Status owned = rocks().Get(read, meta, slice(kTenantKey), &owner);
  if (!owned.ok()) return std::unexpected(error(owned, "read its tenant"));
  if (owner != tenant().name) {
    return fail(Code::kConflict, "{}: the database belongs to tenant '{}', not '{}'",
                path().string(), owner, tenant().name);
  }
  return {};
}

bool Database::writable() const { return state_->options.mode == DatabaseOptions::Mode::kWriter; }
const Path& Database::path() const { return state_->options.path; }
const Tenant& Database::tenant() const { return state_->options.tenant; }
rocksdb::DB& Database::rocks() const { return *state_->rocks; }

rocksdb::ColumnFamilyHandle* Database::column(Column column) const {
  return state_->handles[static_cast<size_t>(column) + 1];  // after RocksDB's own "default"
}

Error Database::error(const rocksdb::Status& status, std::string_view doing) const {
  return rocks_error(status, doing, path());
}

Status Database::catch_up() {
  PALATE_CHECK(!writable(), "only readers follow a writer");
  rocksdb::Status status;
  for (int i = 0, looks = 0; i < kReaderTries; ++i) {
    status = rocks().TryCatchUpWithPrimary();
    if (status.ok() && ++looks == kLooks) return {};
  }
  return std::unexpected(error(status, "follow the writer"));
}

rocksdb::Status Database::write(rocksdb::WriteBatch& batch, Durable durable) {
  PALATE_CHECK(writable(), "a reader cannot write");
  rocksdb::Status status;
  const std::lock_guard lock(state_->writing);
  if (!state_->cause.ok()) status = rocks().Resume();
  // It goes on by itself and is not done yet: what everybody waits for is still the same.
  if (status.IsBusy()) status = state_->cause;
  rocksdb::WriteOptions options;
  options.sync = durable == Durable::kNow;
  if (status.ok()) status = rocks().Write(options, &batch);
  state_->cause = status;
  return status;
}

Status Database::settle(Column column, std::span<const KeyRange> ranges,
                        const std::stop_token& stop) {
  PALATE_CHECK(writable(), "a reader cannot settle anything");
  std::atomic<bool> cancelled = false;
  const std::stop_callback cancel(stop, [&cancelled] { cancelled = true; });
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.canceled = &cancelled;
  rocksdb::Status status = rocks().Flush(rocksdb::FlushOptions(), state_->handles);
  for (const KeyRange& range : ranges) {
    const rocksdb::Slice first = slice(range.first), last = slice(range.last);
    if (status.ok()) status = rocks().CompactRange(options, this->column(column), &first, &last);
    TRY(check_stop(stop));
  }
  if (status.ok()) return {};
  return std::unexpected(error(status, "settle what was deleted"));
}

Result<uint64_t> Database::bytes_in(Column column, std::string_view begin,
                                    std::string_view end) const {
  const rocksdb::Range range(slice(begin), slice(end));
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  uint64_t bytes = 0;
  const rocksdb::Status status =
      rocks().GetApproximateSizes(options, this->column(column), &range, 1, &bytes);
  if (status.ok()) return bytes;
  return std::unexpected(error(status, "ask for its size"));
}

Status Database::put_meta(std::string_view key, std::string_view value) {
  const Fact fact{std::string(key), std::string(value)};
  return put_meta({&fact, 1});
}

Status Database::put_meta(std::span<const Fact> facts) {
  rocksdb::WriteBatch batch;
  rocksdb::Status status;
  rocksdb::ColumnFamilyHandle* meta = column(Column::kMeta);
  for (const Fact& fact : facts) {
    if (!status.ok()) break;
    status = fact.value ? batch.Put(meta, slice(fact.key), slice(*fact.value))
                        : batch.Delete(meta, slice(fact.key));
  }
  if (status.ok()) status = write(batch, Durable::kNow);
  if (!status.ok()) return std::unexpected(error(status, "write a fact"));
  return {};
}

Result<std::vector<std::pair<std::string, std::string>>> Database::meta(
    std::string_view prefix) const {
  std::vector<std::pair<std::string, std::string>> facts;
  const std::unique_ptr<rocksdb::Iterator> it(
      rocks().NewIterator(rocksdb::ReadOptions(), column(Column::kMeta)));
  for (it->Seek(slice(prefix)); it->Valid() && it->key().starts_with(slice(prefix)); it->Next()) {
    facts.emplace_back(it->key().ToString(), it->value().ToString());
  }
  if (!it->status().ok()) return std::unexpected(error(it->status(), "read facts"));
  return facts;
}

}  // namespace palate
