#include "ingest/replay.h"

#include <algorithm>
#include <filesystem>
#include <unistd.h>

#include "events/quarantine_files.h"
#include "ingest/import.h"

namespace palate {
namespace {

// Rows that are read alike.
struct Section {
  QuarantineRecipe recipe;
  std::string rows;
  uint64_t count = 0;
  struct Origin {
    uint64_t lines_end = 0;  // of the row in `rows`, exclusive
    std::string file;
    uint64_t line = 0;
  };
  std::vector<Origin> origins;  // one a row
};

// What of a file is to be tried, and the lines that stay.
struct Plan {
  std::vector<Section> sections;
  std::string stays;
  uint64_t kept = 0;
};

Result<Plan> make_plan(const Path& file, const std::string& reason) {
  Plan plan;
  bool has_recipe = false;
  TRY(read_quarantine(file, [&](QuarantineLine line) -> Status {
    if (line.recipe) {
      plan.sections.push_back({std::move(*line.recipe), "", 0, {}});
      has_recipe = true;
      return {};
    }
    const QuarantinedRow& row = line.row;
    if (!has_recipe || row.cut || (!reason.empty() && row.reason != reason)) {
      ++plan.kept;
      return {};
    }
    Section& section = plan.sections.back();
    section.rows += row.bytes;
    if (!row.bytes.ends_with('\n')) section.rows += '\n';
    ++section.count;
    const uint64_t lines = section.origins.empty() ? 0 : section.origins.back().lines_end;
    const auto own = static_cast<uint64_t>(std::ranges::count(row.bytes, '\n')) +
                     (row.bytes.ends_with('\n') ? 0 : 1);
    section.origins.push_back({lines + own, row.file, row.line});
    return {};
  }));
  return plan;
}

// The file's lines that were not tried, each still behind its recipe.
Result<std::string> rest_of(const Path& file, const std::string& reason) {
  std::string rest, recipe;
  const std::string text = TRY(read_file(file));
  size_t at = 0;
  TRY(read_quarantine(file, [&](const QuarantineLine& line) -> Status {
    const std::string_view whole = std::string_view(text).substr(at, text.find('\n', at) - at + 1);
    at += whole.size();
    if (line.recipe) {
      recipe = whole;
    } else if (line.row.cut || (!reason.empty() && line.row.reason != reason)) {
      rest += std::exchange(recipe, {});
      rest += whole;
    }
    return {};
  }));
  return rest;
}

void add(const ImportSummary& imported, ReplaySummary& summary) {
  summary.accepted += imported.accepted;
  summary.duplicates += imported.duplicates;
  for (const auto& [reason, count] : imported.rejected) summary.rejected[reason] += count;
  if (!imported.quarantine.empty()) summary.quarantine = imported.quarantine;
}

Result<ImportSummary> import_section(const Section& section, const Path& rows,
                                     const QuarantineReplay& options, DataDirectory& directory) {
  const ImportFile file{rows, section.recipe.mapping};
  ImportOptions import;
  import.types = options.types;
  import.stop = options.stop;
  import.again = true;
  import.origin = [&section](Reject& reject) {
    const auto row =
        std::ranges::lower_bound(section.origins, reject.line, {}, &Section::Origin::lines_end);
    if (row == section.origins.end()) return;
    reject.file = row->file;
    reject.line = row->line;
  };
  switch (section.recipe.kind) {
    case RecordKind::kItems:
      return import_items({&file, 1}, import, directory);
    case RecordKind::kUsers:
      return import_users({&file, 1}, import, directory);
    default:
      return import_events({&file, 1}, import, directory);
  }
}

}  // namespace

Result<ReplaySummary> replay_quarantine(const Path& file, const QuarantineReplay& options,
                                        DataDirectory& directory) {
  Plan plan = TRY(make_plan(file, options.reason));
  ReplaySummary summary;
  summary.kept = plan.kept;
  // A name that remove_leftovers() knows.
  const Path rows = directory.root() / (".replay.tmp-" + std::to_string(::getpid()) + "-0");
  for (const Section& section : plan.sections) {
    if (section.count == 0) continue;
    TRY(write_file_atomically(rows, section.rows));
    const auto imported = import_section(section, rows, options, directory);
    std::error_code ignored;
    std::filesystem::remove(rows, ignored);
    if (!imported) return std::unexpected(imported.error());
    summary.tried += section.count;
    add(*imported, summary);
  }
  if (summary.tried == 0) return summary;
  if (summary.kept > 0) {
    TRY(write_file_atomically(file, TRY(rest_of(file, options.reason))));
    return summary;
  }
  std::error_code error;
  std::filesystem::remove(file, error);
  if (error) return std::unexpected(errno_error(error.value(), "remove", file));
  return summary;
}

}  // namespace palate
