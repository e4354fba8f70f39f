// RocksDB's statuses in our vocabulary.
#pragma once

#include <string_view>

#include <rocksdb/status.h>

#include "base/file.h"
#include "base/result.h"

namespace palate {

// `status` is not ok. A lock that another process holds is kConflict, a full disk or quota
// kNoSpace, a checksum or format that does not fit kCorrupt, a missing file kNotFound.
Error rocks_error(const rocksdb::Status& status, std::string_view doing, const Path& path);

}  // namespace palate
