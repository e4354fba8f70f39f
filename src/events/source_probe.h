// A look at the beginning of a source: its format, its columns, its first row.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "events/column_mapping.h"
#include "events/table_rows.h"
#include "events/text_source.h"

namespace palate {

struct SourceProbe {
  SourceFormat format = SourceFormat::kCsv;
  Dialect dialect;
  std::vector<std::string> names;      // of the columns; "#1", "#2", … where there is no header
  std::vector<std::string> first_row;  // of data; empty when there is none
  uint64_t header_lines = 0;           // passed over
  bool ours = false;                   // JSON lines whose first line has only our fields
};

// Moves `source` behind byte order mark and header. Errors: kCorrupt, kIo, kInvalidArgument.
Result<SourceProbe> probe_source(RecordKind kind, const ColumnMapping& mapping, TextSource& source);

}  // namespace palate
