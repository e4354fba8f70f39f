// How the database's column families are tuned, and why.
#pragma once

#include <vector>

#include <rocksdb/db.h>

#include "store/database.h"

namespace palate {

inline constexpr size_t kColumns = 3;

rocksdb::DBOptions rocks_options(const DatabaseOptions& options);
// RocksDB's own "default" family first (always there, never used), then `log`, `state`, `meta`.
std::vector<rocksdb::ColumnFamilyDescriptor> rocks_columns(const DatabaseOptions& options);

}  // namespace palate
