// RocksDB's files behind the seam of base/faults.h: what a test plants there fails here too. Tables
// that a flush or a compaction writes have operations of their own names, so that a test can aim at
// a running compaction.
#pragma once

namespace rocksdb {
class Env;
}

namespace palate {

// One for the process, never destroyed.
rocksdb::Env* env_behind_faults();

}  // namespace palate
