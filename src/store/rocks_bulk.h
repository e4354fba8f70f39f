// StateStore::Bulk by RocksDB's sorted tables: written beside the database, then taken in by one
// change of its manifest.
#pragma once

#include <memory>
#include <string>

#include "store/database.h"
#include "store/state_store.h"

namespace palate {

// `database` must outlive it. What a bulk before this one has left behind is removed.
Result<std::unique_ptr<StateStore::Bulk>> make_rocks_bulk(Database& database, std::string prefix);

}  // namespace palate
