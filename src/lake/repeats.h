// Finds events that the clean zone has already: equal event_id, or equal content where the client
// gave none (docs/formats/lake.md says what is equal). Sorted 64-bit identities of the new rows are
// held, 32 bytes a row; files of their days that are there are streamed past them, two columns of
// them where no row looks like a repeat.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "lake/lake_directory.h"
#include "lake/table.h"

namespace palate::lake {

// Of a row with all columns of raw and clean.
uint64_t identity_of(const Table& table, size_t row);

struct RepeatSearch {
  const Table* rows;                 // new ones, earlier first …
  std::span<const uint32_t> chosen;  // … and which of them count, ascending
  const LakeDirectory* lake;
  std::span<const LakeFile* const> files;  // of the clean zone
  int64_t days_apart = 0;                  // of repeats with an event_id of the client
};
// True for each chosen row that repeats one that stays: of the files, or an earlier one that is no
// repeat itself. So it does not matter how the log is cut into runs. Errors: those of reading.
Result<std::vector<bool>> find_repeats(const RepeatSearch& search, ThreadPool& pool,
                                       std::stop_token stop);

}  // namespace palate::lake
