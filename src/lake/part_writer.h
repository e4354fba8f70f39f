// Rows of one part (a day of a zone) into staged files, begun anew at the target size, with what
// the manifest says about each. Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lake/lake_directory.h"
#include "lake/table.h"
#include "lake/table_file.h"

namespace palate::lake {

struct PartTarget {
  const LakeDirectory* lake;
  Zone zone = Zone::kRaw;
  Part part;
  bool regions = false;
  std::string schema;
  std::string name;  // of its files, but for their number: unique in the lake
  uint64_t bytes_max = 0;
};

class PartWriter {
 public:
  explicit PartWriter(PartTarget target);
  ~PartWriter();
  // Rows behind those before, in the zone's order. Errors: those of writing.
  Status write(const Table& rows);
  // Ends the last file; all of them. They are synced by the commit.
  Result<std::vector<LakeFile>> finish();

 private:
  class Sink;
  Status begin();
  Status end();
  PartTarget target_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<TableWriter> writer_;  // writes to sink_, so it goes first
  LakeFile file_;
  std::vector<LakeFile> done_;
};

}  // namespace palate::lake
