// Files of events that look unusual (ingest/screen.h) and wait in <tenant>/quarantine/batches for
// somebody to release or drop them: where they lie, how they are to be read, why they were stopped.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "events/column_mapping.h"
#include "ingest/screen.h"

namespace palate {

struct SetAside {
  std::string id;      // "20261121-101500-clicks.csv"
  Path path;           // of the file, which stays where it is
  std::string digest;  // of its content and mapping: it must be the same when it is released
  ColumnMapping mapping;
  BatchProfile profile;
  std::vector<std::string> reasons;
};

// Writes it down durably and gives it its id.
Status set_aside(const Path& tenant_directory, SetAside& batch);
// By id, which is by age.
Result<std::vector<SetAside>> list_set_aside(const Path& tenant_directory);
// Errors: kNotFound, kCorrupt.
Result<SetAside> find_set_aside(const Path& tenant_directory, const std::string& id);
Status drop_set_aside(const Path& tenant_directory, const std::string& id);

}  // namespace palate
