#include "store/rocks_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include "store/rocks_files.h"

namespace palate {
namespace {

// What this build of RocksDB offers, best first; a distribution may leave any of them out.
rocksdb::CompressionType first_supported(std::initializer_list<rocksdb::CompressionType> wanted) {
  const std::vector<rocksdb::CompressionType> offered = rocksdb::GetSupportedCompressions();
  for (rocksdb::CompressionType type : wanted) {
    for (rocksdb::CompressionType have : offered) {
      if (type == have) return type;
    }
  }
  return rocksdb::kNoCompression;
}

// Values are blocks of up to 64 KiB that come in key order, are compressed by themselves and are
// read from front to back: no compression here (so that files move down the levels without being
// rewritten), no bloom filter, big table blocks.
rocksdb::ColumnFamilyOptions log_column(const DatabaseOptions& options,
                                        const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = size_t{256} << 10;
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions column;
  column.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  column.compression = rocksdb::kNoCompression;
  column.write_buffer_size = options.log_buffer_bytes;
  column.max_write_buffer_number = 2;
  column.target_file_size_base = uint64_t{64} << 20;
  column.max_bytes_for_level_base = uint64_t{512} << 20;
  return column;
}

// Small values read one key at a time: bloom filters, small blocks, compression.
rocksdb::ColumnFamilyOptions state_column(const DatabaseOptions& options,
                                          const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = size_t{8} << 10;
  table.format_version = 5;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
  // Indexes and filters inside the cache: the memory stays bounded however large the state is.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  rocksdb::ColumnFamilyOptions column;
  column.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  column.compression = first_supported({rocksdb::kLZ4Compression, rocksdb::kSnappyCompression});
  column.bottommost_compression =
      first_supported({rocksdb::kZSTD, rocksdb::kLZ4Compression, rocksdb::kSnappyCompression});
  column.write_buffer_size = options.state_buffer_bytes;
  column.max_write_buffer_number = 3;
  column.target_file_size_base = uint64_t{32} << 20;
  column.max_bytes_for_level_base = uint64_t{128} << 20;
  column.level_compaction_dynamic_level_bytes = true;
  column.optimize_filters_for_hits = false;
  return column;
}

rocksdb::ColumnFamilyOptions small_column(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions column;
  column.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  column.compression = rocksdb::kNoCompression;
  column.write_buffer_size = size_t{1} << 20;
  column.max_write_buffer_number = 2;
  return column;
}

}  // namespace

rocksdb::DBOptions rocks_options(const DatabaseOptions& options) {
  rocksdb::DBOptions db;
  db.env = env_behind_faults();
  const bool writer = options.mode == DatabaseOptions::Mode::kWriter;
  db.create_if_missing = writer;
  db.create_missing_column_families = writer;
  // A reader beside a writer needs every file open: compaction may unlink them.
  db.max_open_files = -1;
  // RocksDB ends the process when one of its sixteen threads cannot be started.
  db.max_file_opening_threads = 1;
  db.max_background_jobs = 2;
  db.bytes_per_sync = uint64_t{1} << 20;
  // Bounds the write-ahead log, hence the time of recovery.
  db.max_total_wal_size = uint64_t{64} << 20;
  // A torn end (kill, power) is dropped; damage before it is refused, because what follows it was
  // acknowledged. RocksDB's default would drop that silently.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.keep_log_file_num = 4;
  db.max_log_file_size = size_t{1} << 20;
  db.stats_dump_period_sec = 0;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> rocks_columns(const DatabaseOptions& options) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  return {{rocksdb::kDefaultColumnFamilyName, small_column(cache)},
          {"log", log_column(options, cache)},
          {"state", state_column(options, cache)},
          {"meta", small_column(cache)}};
}

}  // namespace palate
