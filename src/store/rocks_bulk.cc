#include "store/rocks_bulk.h"

#include <mutex>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>

namespace palate {
namespace {

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

// Tables that go to the last level as they are: compressing them hard, as compaction does there,
// would cost more than everything else about them.
rocksdb::Options table_options(const Database& database) {
  rocksdb::Options options = database.rocks().GetOptions(database.column(Column::kState));
  options.bottommost_compression = rocksdb::kDisableCompressionOption;
  options.compression_per_level.clear();
  return options;
}

class RocksBulk : public StateStore::Bulk {
 public:
  RocksBulk(Database& database, std::string prefix, Path folder)
      : database_(database),
        prefix_(std::move(prefix)),
        folder_(std::move(folder)),
        options_(table_options(database)) {}
  ~RocksBulk() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  class Part : public StateStore::Bulk::Part {
   public:
    Part(RocksBulk& bulk, std::string path)
        : bulk_(bulk),
          path_(std::move(path)),
          writer_(rocksdb::EnvOptions(), bulk.options_, bulk.database_.column(Column::kState)) {}
    Status open() { return checked(writer_.Open(path_)); }
    Status add(std::string_view key, std::string_view value) override {
      key_.assign(bulk_.prefix_).append(key);
      return checked(writer_.Put(key_, slice(value)));
    }
    Status finish() override {
      TRY(checked(writer_.Finish()));
      const std::lock_guard lock(bulk_.mutex_);
      bulk_.finished_.push_back(path_);
      return {};
    }

   private:
    Status checked(const rocksdb::Status& status) const {
      if (status.ok()) return {};
      return std::unexpected(bulk_.database_.error(status, "write a table of state"));
    }
    RocksBulk& bulk_;
    std::string path_, key_;
    rocksdb::SstFileWriter writer_;
  };

  Result<std::unique_ptr<StateStore::Bulk::Part>> part() override {
    std::string path;
    {
      const std::lock_guard lock(mutex_);
      path = (folder_ / (std::to_string(parts_++) + ".sst")).string();
    }
    auto part = std::make_unique<Part>(*this, std::move(path));
    TRY(part->open());
    return std::unique_ptr<StateStore::Bulk::Part>(std::move(part));
  }

  Status commit() override {
    if (finished_.empty()) return {};
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    ingest.write_global_seqno = false;
    const rocksdb::Status status =
        database_.rocks().IngestExternalFile(database_.column(Column::kState), finished_, ingest);
    if (!status.ok()) return std::unexpected(database_.error(status, "take tables of state in"));
    return {};
  }

 private:
  Database& database_;
  std::string prefix_;
  Path folder_;
  rocksdb::Options options_;
  std::mutex mutex_;  // of the two below
  size_t parts_ = 0;
  std::vector<std::string> finished_;
};

}  // namespace

Result<std::unique_ptr<StateStore::Bulk>> make_rocks_bulk(Database& database, std::string prefix) {
  // Beside the database, since tables are linked into it; a name that remove_leftovers() knows.
  const Path folder =
      database.path().parent_path() / (".bulk.tmp-" + std::to_string(::getpid()) + "-0");
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  std::filesystem::create_directories(folder, error);
  if (error) return std::unexpected(errno_error(error.value(), "make", folder));
  return std::make_unique<RocksBulk>(database, std::move(prefix), folder);
}

}  // namespace palate
