#include "ingest/import.h"

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/import_report.h"
#include "cli/print.h"
#include "events/presets.h"
#include "kafka/topic_writer.h"

namespace palate {
namespace {

struct Flags {
  std::vector<std::string> paths;                 // folders or files, read by `preset`
  std::vector<std::string> events, items, users;  // files whose kind the user says
  std::string preset = "auto";
  size_t threads = 0;
  bool no_screen = false;
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

// Says how every file is understood, before the first is read: what cannot be is refused here.
Result<nlohmann::ordered_json> explain(const Sources& sources, const Context& context) {
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  const auto add = [&](RecordKind kind, const std::vector<ImportFile>& of_kind) -> Status {
    for (const ImportFile& file : of_kind) {
      const SourceInfo info = TRY(understand(kind, file, context.settings.types));
      files.push_back(describe_json(kind, file, info));
      if (!context.json) print_line(describe(kind, file, info));
    }
    return {};
  };
  TRY(add(RecordKind::kItems, sources.items));
  TRY(add(RecordKind::kUsers, sources.users));
  TRY(add(RecordKind::kEvents, sources.events));
  return files;
}

// Where log.kind is kafka: the topics, into which everything goes. Else nullptr.
Result<std::unique_ptr<TopicWriter>> open_topics(const Context& context, DataDirectory& data) {
  const Settings& settings = context.settings;
  if (!settings.log.is_kafka()) return std::unique_ptr<TopicWriter>();
  auto topics = TRY(TopicWriter::open({.config = &settings.kafka,
                                       .tenant = {settings.data.tenant},
                                       .types = &settings.types,
                                       .data = &data}));
  if (!context.json) {
    print_line(
        fmt::format("into the topics of Kafka at {}; who follows them folds it and leaves "
                    "out what is there already",
                    settings.kafka.brokers));
  }
  return topics;
}

Status import_files(Context& context, const Flags& flags) {
  const Sources sources = TRY(gather(flags, context.settings.import));
  const auto files = TRY(explain(sources, context));
  auto data = TRY(context.open_data(OpenMode::kWriter));
  const auto topics = TRY(open_topics(context, *data));
  ImportOptions options;
  options.intake = topics.get();
  options.types = &context.settings.types;
  options.reader.threads = flags.threads;
  options.stop = process_stop_token();
  if (!flags.no_screen) options.screen = context.settings.validation.screen();
  const ImportSummary items = TRY(import_items(sources.items, options, *data));
  const ImportSummary users = TRY(import_users(sources.users, options, *data));
  const ImportSummary events = TRY(import_events(sources.events, options, *data));
  if (context.json) {
    print_json({{"files", files},
                {"events", summary_json(events)},
                {"items", summary_json(items)},
                {"users", summary_json(users)}});
  } else {
    print_summary("items", sources.items.size(), items);
    print_summary("users", sources.users.size(), users);
    print_summary("events", sources.events.size(), events);
  }
  TRY(check_some_accepted("items", items));
  TRY(check_some_accepted("users", users));
  TRY(check_some_accepted("events", events));
  return check_none_set_aside(events);
}

}  // namespace

Command import_command() {
  return {"import", "Read events, items and users out of files; bad rows go to quarantine",
          "Examples:\n  palate import purchases.csv --import.set type=purchase\n"
          "  palate import log.parquet --import.map user=reader,item=book,ts=at\n"
          "  palate import --events events.jsonl.zst --items items.jsonl --users users.jsonl\n"
          "  palate import ml-latest-small   # a folder of a known data set\n"
          "Columns with usual names (user_id, product_id, timestamp, ...) are found by themselves; "
          "--import.map\nnames the others. How each file is understood is printed before it is "
          "read. docs/import.md",
          [](CommandFlags& command) {
            auto flags = std::make_shared<Flags>();
            command.add("paths", flags->paths, "Files of events, or folders of a known data set");
            command
                .add("--preset", flags->preset,
                     "Which known data set: auto, movielens, goodbooks-10k, amazon, lists or "
                     "palate; auto goes by the names of files")
                .show_default();
            command.add("--events", flags->events, "Files of events, whatever their names");
            command.add("--items", flags->items, "Files of items, whatever their names");
            command.add("--users", flags->users, "Files of users, whatever their names");
            command.add("--no-screen", flags->no_screen,
                        "Take files in however unusual they are ([validation])");
            command.add("--threads", flags->threads, "Threads that parse; 0: one a processor");
            return std::function<Status(Context&)>(
                [flags](Context& context) { return import_files(context, *flags); });
          }};
}

}  // namespace palate
