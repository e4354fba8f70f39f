// One part of the lake made anew: new rows and files that are there, both sorted, merged into files
// of the target size. Memory: one row group of each file, and one going out.
#pragma once

#include <span>
#include <stop_token>
#include <vector>

#include "lake/lake_directory.h"
#include "lake/part_writer.h"
#include "lake/row_filter.h"

namespace palate::lake {

inline constexpr size_t kMergeFilesMax = 6;  // at once

struct MergeJob {
  PartTarget target;
  std::vector<const LakeFile*> inputs;
  const Table* fresh = nullptr;      // where there are new rows …
  std::span<const uint32_t> chosen;  // … these of them, in the zone's order, filtered already
};
struct Merged {
  std::vector<LakeFile> files;
  Removed removed;  // of the rows of `inputs`
};
// Thread-safe. Errors: those of reading and writing, kCancelled.
Result<Merged> merge(const MergeJob& job, const RowFilter& filter, const std::stop_token& stop);

// Which files of a part new rows of about `fresh_bytes` are merged with: the small ones, so that
// each row is written again a number of times that grows with the logarithm of the part's size.
std::vector<const LakeFile*> files_to_merge(std::vector<const LakeFile*> of_part,
                                            uint64_t fresh_bytes, uint64_t bytes_max);

}  // namespace palate::lake
