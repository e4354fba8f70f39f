// What is remembered of an imported file (docs/formats/data-directory.md): by it a second import
// adds nothing, and a dataset knows how much its times mean.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "events/column_mapping.h"
#include "ingest/data_directory.h"

namespace palate {

struct ImportSource {
  std::string digest;  // of the content, and of what the mapping makes of it
  std::string name;    // of the file
  uint64_t rows = 0;
  TimeKind time = TimeKind::kReal;
  bool complete = false;  // false: its import began and may have logged a part
};

Result<std::string> source_digest(const Path& file, const ColumnMapping& mapping);
Result<std::optional<ImportSource>> find_source(const DataDirectory& directory,
                                                const std::string& digest);
Result<std::vector<ImportSource>> imported_sources(const DataDirectory& directory);
Status remember_source(DataDirectory& directory, const ImportSource& source);

}  // namespace palate
