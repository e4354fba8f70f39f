// Taking the rows of users who asked to be forgotten out of blocks of the log
// (docs/formats/log-block.md, "Erased rows").
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "events/block.h"

namespace palate {

// From which offset of the stream on a user's rows may be seen; 0 for everybody who has not asked
// to be forgotten. Thread-safe.
using VisibleFrom = std::function<uint64_t(Stream stream, std::string_view user)>;

// An event that keeps its place and says nothing.
EventView erased_event(const EventView& row);

struct ErasedBlock {
  std::vector<EncodedBlock> blocks;  // in place of the one, with the same number of records
  std::map<std::string, uint64_t, std::less<>> rows;  // that were erased, by user
};
// The block at `first` without what is not to be seen, or nothing where all may be. Erased rows
// keep their places, so that no position changes; of events their type and times stay. Errors:
// kCorrupt, kUnsupportedVersion.
Result<std::optional<ErasedBlock>> erase_rows(std::string_view bytes, const Position& first,
                                              const VisibleFrom& visible_from);

}  // namespace palate
