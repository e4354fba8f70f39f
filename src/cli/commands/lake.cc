#include <nlohmann/json.hpp>

#include "base/threads.h"
#include "cli/command.h"
#include "cli/print.h"
#include "lake/compaction.h"
#include "lake/lake_status.h"

namespace palate {
namespace {

using namespace lake;
using Json = nlohmann::ordered_json;

struct Flags {
  std::string action;
  std::string zone = "clean";
  std::string link;
  size_t threads = 0;
};

LakeDirectory lake_of(const DataDirectory& data) { return LakeDirectory(data.root() / "lake"); }

Status compact_lake(Context& context, DataDirectory& data, ThreadPool& pool) {
  const auto directory = lake_of(data);
  auto source =
      source_of(data.log(), context.settings.types, data.hash(), {context.settings.data.tenant});
  source.look_again = [&data] { return data.refresh(); };
  source.schema_now = [&data](Stream of) { return data.contract()->schema_name(of); };
  const CompactionReport report =
      TRY(compact(source, {directory, context.settings.lake, pool, process_stop_token()}));
  if (context.json) {
    print_json({{"manifest", report.manifest},
                {"manifests", report.manifests},
                {"events", report.events},
                {"items", report.items},
                {"users", report.users},
                {"duplicates", report.duplicates},
                {"expired", report.expired},
                {"forgotten", report.forgotten},
                {"files_written", report.files_written},
                {"bytes_written", report.bytes_written},
                {"files_replaced", report.files_replaced},
                {"seconds", report.seconds}});
    return {};
  }
  if (report.manifests == 0) {
    print_line("the lake has all that the log has");
    return {};
  }
  print_line(fmt::format("{} events, {} items, {} users from the log into {} files ({}) in {}",
                         human_count(report.events), human_count(report.items),
                         human_count(report.users), human_count(report.files_written),
                         human_bytes(report.bytes_written), human_seconds(report.seconds)));
  print_line(
      fmt::format("{} repeats left out of clean, {} rows expired, {} of forgotten users "
                  "removed; manifest {}",
                  human_count(report.duplicates), human_count(report.expired),
                  human_count(report.forgotten), report.manifest));
  return {};
}

Json status_json(const LakeStatus& status) {
  Json zones = Json::object(), as_of = Json::array();
  for (size_t i = 0; i < status.zones.size(); ++i) {
    const auto& zone = status.zones[i];
    zones[std::string(kZoneNames[i])] = {{"files", zone.files},
                                         {"rows", zone.rows},
                                         {"bytes", zone.bytes},
                                         {"read", zone.account.read},
                                         {"duplicates", zone.account.duplicates},
                                         {"expired", zone.account.expired},
                                         {"forgotten", zone.account.forgotten},
                                         {"erased", zone.account.erased}};
  }
  for (const Position& position : status.as_of) as_of.push_back(to_string(position));
  return {{"manifest", status.manifest},
          {"created", status.created},
          {"zones", zones},
          {"days", status.days},
          {"first_day", status.first_day},
          {"last_day", status.last_day},
          {"as_of", as_of},
          {"behind", status.behind},
          {"skipped", status.skipped},
          {"retired", status.retired},
          {"tombstones", status.tombstones},
          {"forgotten", status.forgotten}};
}

Status show_status(Context& context, DataDirectory& data) {
  const LakeStatus status = TRY(status_of(lake_of(data), data.log()));
  if (context.json) {
    print_json(status_json(status));
    return {};
  }
  if (status.manifest == 0) {
    print_line(fmt::format("there is no lake yet; {} records wait for palate lake compact",
                           human_count(status.behind)));
    return {};
  }
  print_line(fmt::format("manifest {} of {}, {} records behind the log", status.manifest,
                         status.created, human_count(status.behind)));
  print_line(fmt::format("{} days, {} to {}", human_count(status.days), status.first_day,
                         status.last_day));
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < status.zones.size(); ++i) {
    const auto& zone = status.zones[i];
    rows.push_back({std::string(kZoneNames[i]), human_count(zone.rows), human_count(zone.files),
                    human_bytes(zone.bytes), human_count(zone.account.duplicates),
                    human_count(zone.account.expired), human_count(zone.account.forgotten)});
  }
  print_table({"zone", "rows", "files", "size", "repeats", "expired", "forgotten"}, rows);
  if (status.tombstones > 0) {
    print_line(fmt::format("{} users wait to be forgotten by the next compaction",
                           human_count(status.tombstones)));
  }
  return {};
}

Status verify_files(Context& context, DataDirectory& data, ThreadPool& pool) {
  const auto directory = lake_of(data);
  const LakeVerification found = TRY(verify_lake(
      {directory, data.log(), context.settings.types, data.hash()}, pool, process_stop_token()));
  if (context.json) {
    print_json({{"manifest", found.manifest},
                {"whole", found.whole()},
                {"files", found.files},
                {"rows", found.rows},
                {"bytes", found.bytes},
                {"log_events", found.log_events},
                {"findings", found.findings}});
  } else {
    for (const std::string& finding : found.findings) print_line(finding);
    print_line(fmt::format("{} files, {} rows, {} read; {} events of the log compared by day",
                           human_count(found.files), human_count(found.rows),
                           human_bytes(found.bytes), human_count(found.log_events)));
    if (found.whole()) print_line("everything is whole");
  }
  if (found.whole()) return {};
  return fail(
      Code::kCorrupt, "{}: {}{}; see docs/lake.md", directory.root().string(),
      found.findings.front(),
      found.findings.size() > 1 ? fmt::format(" (and {} more)", found.findings.size() - 1) : "");
}

// What a reader without manifests (DuckDB, Polars, Spark) is to read for exactly one version. With
// `link` as further names in a folder of their own, where no compaction takes them away.
Status list_files(Context& context, DataDirectory& data, const Flags& flags) {
  const auto directory = lake_of(data);
  const auto manifest = TRY(directory.current());
  std::vector<std::string> paths;
  if (manifest) {
    for (const LakeFile& file : manifest->files) {
      if (file.zone != zone_named(flags.zone)) continue;
      if (flags.link.empty()) {
        paths.push_back(TRY(directory.find(file)).string());
        continue;
      }
      const Path linked = Path(flags.link) / file.path;
      TRY(directory.link(file, linked));
      paths.push_back(linked.string());
    }
  }
  if (context.json) {
    print_json({{"manifest", manifest ? manifest->number : 0}, {"files", paths}});
    return {};
  }
  for (const std::string& path : paths) print_line(path);
  return {};
}

Status run_lake(Context& context, const Flags& flags) {
  auto data = TRY(context.open_data(OpenMode::kStored));
  ThreadPool pool(flags.threads);
  if (flags.action == "compact") return compact_lake(context, *data, pool);
  if (flags.action == "verify") return verify_files(context, *data, pool);
  if (flags.action == "files") return list_files(context, *data, flags);
  return show_status(context, *data);
}

}  // namespace

Command lake_command() {
  return {
      "lake", "The log as Parquet for DuckDB, Polars and training: compact, status, verify, files",
      "Examples:\n  palate lake compact      # also beside a running server\n  palate lake status\n"
      "  palate lake verify --json\n  palate lake files --zone clean\n"
      "  palate lake files --link version    # exactly this version, whatever is compacted "
      "meanwhile",
      [](CommandFlags& command) {
        auto flags = std::make_shared<Flags>();
        command.add("action", flags->action, "compact, status, verify or files")
            .required()
            .one_of({"compact", "status", "verify", "files"});
        command.add("--zone", flags->zone, "Of `files`: raw, clean, items or users")
            .one_of({"raw", "clean", "items", "users"})
            .show_default();
        command.add("--link", flags->link,
                    "Of `files`: makes hard links to them in this folder, on the same file "
                    "system; remove it after reading");
        command.add("--threads", flags->threads,
                    "Threads; 0: one a processor. The lake's rows do not depend on it");
        return std::function<Status(Context&)>(
            [flags](Context& context) { return run_lake(context, *flags); });
      }};
}

}  // namespace palate
