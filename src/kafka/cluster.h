// Which cluster a data directory has to do with: its positions and what it has written mean nothing
// in another's topics. For this room only.
#pragma once

#include <string>

#include "base/result.h"
#include "ingest/data_directory.h"

namespace palate {

// Remembers the cluster in the directory, open as the writer, the first time. Errors: kConflict,
// with both names; kIo.
Status check_cluster(DataDirectory& data, const std::string& cluster);

}  // namespace palate
