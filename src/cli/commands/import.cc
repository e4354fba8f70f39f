#include "ingest/import.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/print.h"
#include "events/presets.h"

namespace palate {
namespace {

struct Flags {
  std::vector<std::string> paths;                 // folders or files, read by `preset`
  std::vector<std::string> events, items, users;  // files whose kind the user says
  std::string preset = "auto";
  size_t threads = 0;
};

// What is to be imported, by kind.
struct Sources {
  std::vector<ImportFile> events, items, users;
  std::vector<ImportFile>& of(RecordKind kind) {
    if (kind == RecordKind::kItems) return items;
    return kind == RecordKind::kUsers ? users : events;
  }
};

Result<Sources> gather(const Flags& flags, const MappingConfig& config) {
  Sources sources;
  for (const std::string& path : flags.paths) {
    for (PresetSource& found : TRY(find_sources(flags.preset, path))) {
      // [import] describes events; items and users of a preset keep their own mapping.
      ColumnMapping mapping = std::move(found.mapping);
      if (found.kind == RecordKind::kEvents)
        mapping = TRY(apply_mapping(config, std::move(mapping)));
      sources.of(found.kind).push_back({found.path, std::move(mapping)});
    }
  }
  for (const std::string& path : flags.events)
    sources.events.push_back({path, TRY(apply_mapping(config))});
  for (const std::string& path : flags.items)
    sources.items.push_back({path, TRY(apply_mapping(config))});
  for (const std::string& path : flags.users)
    sources.users.push_back({path, TRY(apply_mapping(config))});
  if (sources.events.empty() && sources.items.empty() && sources.users.empty()) {
    return fail(Code::kInvalidArgument,
                "nothing to import: name a folder or files, or --events, --items, --users. See "
                "palate import --help");
  }
  for (const auto* files : {&sources.events, &sources.items, &sources.users}) {
    for (const ImportFile& file : *files)
      TRY(MappedFile::open(file.path));  // missing ones before any is read
  }
  return sources;
}

nlohmann::ordered_json summary_json(const ImportSummary& summary) {
  return {{"rows", summary.rows},
          {"accepted", summary.accepted},
          {"duplicates", summary.duplicates},
          {"rejected", summary.rejected_total()},
          {"reasons", summary.rejected},
          {"sources_known", summary.sources_known},
          {"quarantine", summary.quarantine.string()},
          {"seconds", summary.seconds},
          {"fold_seconds", summary.fold_seconds},
          {"rows_per_s", summary.rows_per_s()}};
}

void print_summary(std::string_view what, const ImportSummary& summary) {
  if (summary.rows == 0 && summary.sources_known == 0) return;
  std::string line = fmt::format("{}: {} new", what, human_count(summary.accepted));
  if (summary.duplicates > 0)
    line += fmt::format(", {} known already", human_count(summary.duplicates));
  if (summary.sources_known > 0)
    line += fmt::format(", {} files imported before", summary.sources_known);
  line += fmt::format(" ({}, {} rows/s)", human_seconds(summary.seconds),
                      human_count(static_cast<uint64_t>(summary.rows_per_s())));
  if (summary.fold_seconds > 0.1)
    line += fmt::format(", folding {}", human_seconds(summary.fold_seconds));
  print_line(line);
  for (const auto& [reason, rows] : summary.rejected) {
    print_line(fmt::format("  {} refused: {}", human_count(rows), reason));
  }
  if (!summary.quarantine.empty())
    print_line(fmt::format("  they are in {}", summary.quarantine.string()));
}

Status import_files(Context& context, const Flags& flags) {
  const Sources sources = TRY(gather(flags, context.settings.import));
  auto data = TRY(context.open_data(OpenMode::kWriter));
  ImportOptions options;
  options.types = &context.settings.types;
  options.reader.threads = flags.threads;
  options.stop = process_stop_token();
  const ImportSummary items = TRY(import_items(sources.items, options, *data));
  const ImportSummary users = TRY(import_users(sources.users, options, *data));
  const ImportSummary events = TRY(import_events(sources.events, options, *data));
  if (context.json) {
    print_json({{"events", summary_json(events)},
                {"items", summary_json(items)},
                {"users", summary_json(users)}});
    return {};
  }
  print_summary("items", items);
  print_summary("users", users);
  print_summary("events", events);
  return {};
}

}  // namespace

Command import_command() {
  return {"import", "Read events, items and users out of files; bad rows go to quarantine",
          "Examples:\n  palate import ml-latest-small                      # a folder of a known "
          "data set\n"
          "  palate import ratings.csv\n"
          "  palate import --events log.parquet --import.map user=reader,item=book,ts=at "
          "--import.set type=click\n"
          "  palate import --events events.jsonl.zst --items items.jsonl --users users.jsonl\n"
          "Presets: auto, movielens, goodbooks-10k, amazon, lists, palate (docs/import.md)",
          [](CLI::App& app) {
            auto flags = std::make_shared<Flags>();
            app.add_option("paths", flags->paths, "Folders or files, read by the preset");
            app.add_option("--preset", flags->preset, "The data set's kind")->capture_default_str();
            app.add_option("--events", flags->events, "Files of events");
            app.add_option("--items", flags->items, "Files of items");
            app.add_option("--users", flags->users, "Files of users");
            app.add_option("--threads", flags->threads, "That parse; 0: all");
            return std::function<Status(Context&)>(
                [flags](Context& context) { return import_files(context, *flags); });
          }};
}

}  // namespace palate
