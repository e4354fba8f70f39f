// Known data sets: which of their files holds what, and how it is read.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "events/column_mapping.h"

namespace palate {

// movielens, goodbooks, amazon, lists, palate; and "auto", which knows the files of all of them.
std::span<const std::string_view> preset_names();

struct PresetSource {
  RecordKind kind = RecordKind::kEvents;
  Path path;
  ColumnMapping mapping;
};

// The sources of `preset` at `path`: a folder, whose files are found by name (also with .gz or
// .zst; at most one for each kind, the better known name first), or one file, which holds events
// unless its name says otherwise. Items and users come before events. Errors: kInvalidArgument for
// an unknown preset, kNotFound for a folder without events, with the names that were looked for.
Result<std::vector<PresetSource>> find_sources(std::string_view preset, const Path& path);

}  // namespace palate
