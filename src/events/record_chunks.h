// Parsers of chunks of items and users.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "events/chunk_pipeline.h"
#include "events/column_mapping.h"
#include "events/table_rows.h"

namespace palate {

class Contract;

// How the rows of one source become records.
struct RecordPlan {
  RecordKind kind = RecordKind::kItems;
  Dialect dialect;
  size_t columns = 0;
  std::vector<FieldColumn> fields;
  std::vector<std::pair<size_t, std::string>> flags;  // column, category given where it says "1"
  std::map<std::string, std::string> constants;
  char list_separator = '|';
  bool latin1 = false;
  std::shared_ptr<const Contract> contract;  // nullptr: the tenant asks no more than all do
  bool ours = false;                         // JSON lines in our own form
  std::map<std::string, std::string, std::less<>> keys;  // foreign JSON lines: key -> our field
};

ChunkParser record_table_parser(const RecordPlan& plan);
ChunkParser record_json_parser(const RecordPlan& plan);
ChunkParser record_cell_parser(const RecordPlan& plan);

// One JSON object's top-level fields as cells: strings, numbers, and lists joined with
// `list_separator`; objects inside are left out. False when it is not an object.
bool flatten_json(std::string_view json, char list_separator,
                  std::vector<std::pair<std::string, std::string>>& cells);

}  // namespace palate
